// Launcher of the in-place rotation. x is [T, H, K] of `type`, strides in elements.
#pragma once

#include "kernels/cuda/launch.h"

namespace llm::kernels::cuda {

struct RopeLaunch {
  Type type;
  void* x;
  const float* table;    // [P, 2, half]
  const int* positions;  // [T]
  int64_t tokens, heads, half;
  int64_t token_stride, head_stride;
  float sign;  // -1 rotates back
};
void launch_rope(const RopeLaunch& launch, cudaStream_t stream);

}  // namespace llm::kernels::cuda
