// Launcher of the passes between the matrix products of linear_logprob; one block per row.
#pragma once

#include "kernels/cuda/launch.h"

namespace llm::kernels::cuda {

struct SoftmaxLaunch {
  float* logits;           // [C, V], rows contiguous
  const int64_t* targets;  // [C]
  int64_t rows, width;
  // Statistics: logprob null skips them, then lse is read.
  float* logprob;
  float* lse;      // written when not null and logprob is not null
  float* entropy;  // or null
  bool* hits;      // or null
  // Gradient: coefficient * (onehot - softmax), over the row's memory in `gradient_type`.
  bool with_gradient;
  Type gradient_type;
  const float* coefficients;  // [C], or null: `coefficient` for all
  float coefficient;
};
void launch_softmax_rows(const SoftmaxLaunch& launch, cudaStream_t stream);

}  // namespace llm::kernels::cuda
