// The CPU implementation of (fp32, vectorised) llm/kernels/swiglu.h.
#pragma once

#include "llm/kernels/swiglu.h"

namespace llm::kernels::cpu {

at::Tensor swiglu_forward(const at::Tensor& gate_up);
at::Tensor swiglu_backward(const at::Tensor& dy, const at::Tensor& gate_up, bool in_place,
                           const at::Tensor& y);

}  // namespace llm::kernels::cpu
