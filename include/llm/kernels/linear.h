// y = x W^T + b over the forms a weight can have. Letters: T tokens, I input features, O output
// features.
#pragma once

#include <ATen/core/Tensor.h>

namespace llm::kernels {

// A linear layer's weight. Dense: `weight` is an autograd leaf (its .grad preset into flat storage)
// or a frozen tensor.
struct LinearWeight {
  at::Tensor weight;  // [O, I]
  at::Tensor bias;    // [O] or undefined
};

// Differentiable. A weight or bias with a preset .grad gets its gradient added there, in place.
// x may have strided rows.
at::Tensor linear(const at::Tensor& x, const LinearWeight& weight);  // [T, I] -> [T, O]

// For blocks with their own backward: no graph.
at::Tensor linear_forward(const at::Tensor& x, const LinearWeight& weight);  // [T, I] -> [T, O]
// Returns dx [T, I]; adds dW and db straight into weight.grad / bias.grad where those are defined.
at::Tensor linear_backward(const at::Tensor& dy, const at::Tensor& x, const LinearWeight& weight);

}  // namespace llm::kernels
