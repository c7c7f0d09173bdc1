// Launchers of the SwiGLU kernels; rows of 2F numbers in, rows of F out, all of `type`.
#pragma once

#include "kernels/cuda/launch.h"

namespace llm::kernels::cuda {

struct SwigluLaunch {
  Type type;
  Rows gate_up_rows;  // width 2F
  Rows dy_rows;       // width F; of backward alone
  const void* gate_up;
  const void* dy;  // null: forward
  void* grad;      // rows as gate_up's when `in_place`, else contiguous
  bool in_place;
  void* y;  // contiguous, or null in backward
};
void launch_swiglu(const SwigluLaunch& launch, cudaStream_t stream);

}  // namespace llm::kernels::cuda
