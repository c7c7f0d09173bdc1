// Launchers of the RMSNorm kernels; one block per row. x, weight and results are of `type`.
#pragma once

#include "kernels/cuda/launch.h"

namespace llm::kernels::cuda {

struct RmsNormLaunch {
  Type type;
  Rows x_rows;
  const void* x;
  const void* residual;  // contiguous, or null; sum then receives x + residual
  const void* weight;
  void* sum;    // contiguous
  void* y;      // contiguous
  float* rstd;  // written, or read when recompute is set
  float eps;
  bool recompute;
};
void launch_rms_norm(const RmsNormLaunch& launch, cudaStream_t stream);

struct RmsNormBackwardLaunch {
  Type type;
  Rows x_rows;
  Rows dy_rows;
  const void* dy;
  const void* x;
  const void* weight;
  const float* rstd;
  const void* residual_grad;  // contiguous, may be dx, or null
  void* dx;                   // contiguous
  float* weight_partials;     // [blocks, width] fp32, or null
  int blocks;                 // block b works on rows b, b + blocks, ...
};
void launch_rms_norm_backward(const RmsNormBackwardLaunch& launch, cudaStream_t stream);

}  // namespace llm::kernels::cuda
