// SwiGLU (Shazeer, arXiv 2002.05202):  y = silu(gate) * up, with gate and up side by side: gate_up
// [T, 2F], gate first.
#pragma once

#include <ATen/core/Tensor.h>

namespace llm::kernels {

// Differentiable.
at::Tensor swiglu(const at::Tensor& gate_up);  // [T, 2F] -> [T, F]

at::Tensor swiglu_forward(const at::Tensor& gate_up);
// Gradient for gate_up [T, 2F] from dy [T, F]; written over gate_up's memory when `in_place`. When
// `y` is defined it receives silu(gate) * up in the same pass: the recompute of the forward.
at::Tensor swiglu_backward(const at::Tensor& dy, const at::Tensor& gate_up, bool in_place,
                           const at::Tensor& y = {});

}  // namespace llm::kernels
