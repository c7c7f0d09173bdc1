// Launchers of AdamW and of the sum of squares.
#pragma once

#include "kernels/cuda/launch.h"

namespace llm::kernels::cuda {

struct AdamwLaunch {
  float* weight;
  const float* grad;
  float* exp_avg;
  float* exp_avg_sq;
  int64_t count;
  float decay;         // 1 - lr wd
  float beta1, rest1;  // b1, 1 - b1
  float beta2, rest2;
  float step_size;   // lr / (1 - b1^t)
  float root_scale;  // 1 / sqrt(1 - b2^t)
  float eps;
  float grad_scale;
};
void launch_adamw(const AdamwLaunch& launch, cudaStream_t stream);

inline constexpr int kNormBlocks = 1024;

// partials[b] for kNormBlocks blocks, then total = their sum, in a fixed order.
struct NormLaunch {
  Type type;
  const void* x;
  int64_t count;
  double* partials;  // [kNormBlocks]
  double* total;     // [1]
};
void launch_squared_norm(const NormLaunch& launch, cudaStream_t stream);

}  // namespace llm::kernels::cuda
