// The CUDA implementation of (fp32 and bf16) llm/kernels/rope.h.
#pragma once

#include "llm/kernels/rope.h"

namespace llm::kernels::cuda {

void rope_(const at::Tensor& x, const at::Tensor& table, const at::Tensor& positions, bool inverse);

}  // namespace llm::kernels::cuda
