// The CUDA implementation of (fp32 and bf16) llm/kernels/swiglu.h.
#pragma once

#include "llm/kernels/swiglu.h"

namespace llm::kernels::cuda {

at::Tensor swiglu_forward(const at::Tensor& gate_up);
at::Tensor swiglu_backward(const at::Tensor& dy, const at::Tensor& gate_up, bool in_place,
                           const at::Tensor& y);

}  // namespace llm::kernels::cuda
