// The plain ATen implementation of llm/kernels/rope.h.
#pragma once

#include "llm/kernels/rope.h"

namespace llm::kernels::reference {

// Differentiable by autograd.
at::Tensor rope(const at::Tensor& x, const at::Tensor& table, const at::Tensor& positions,
                bool inverse = false);
void rope_(const at::Tensor& x, const at::Tensor& table, const at::Tensor& positions, bool inverse);

}  // namespace llm::kernels::reference
