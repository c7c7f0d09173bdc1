// The CPU implementation of (fp32, vectorised) llm/kernels/rope.h.
#pragma once

#include "llm/kernels/rope.h"

namespace llm::kernels::cpu {

void rope_(const at::Tensor& x, const at::Tensor& table, const at::Tensor& positions, bool inverse);

}  // namespace llm::kernels::cpu
