// The plain ATen implementation of llm/kernels/swiglu.h.
#pragma once

#include "llm/kernels/swiglu.h"

namespace llm::kernels::reference {

// Differentiable by autograd.
at::Tensor swiglu(const at::Tensor& gate_up);

at::Tensor swiglu_backward(const at::Tensor& dy, const at::Tensor& gate_up, bool in_place,
                           const at::Tensor& y);

}  // namespace llm::kernels::reference
