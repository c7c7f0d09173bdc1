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

// For blocks with their own backward: no graph. `out`, when defined, receives the result.
at::Tensor linear_forward(const at::Tensor& x, const LinearWeight& weight,
                          const at::Tensor& out = {});
// Returns dx; adds dW and db straight into weight.grad / bias.grad where those are defined.
// `accumulate_into`, when defined, [T, I]: dx is added to it in the same pass and it is returned.
at::Tensor linear_backward(const at::Tensor& dy, const at::Tensor& x, const LinearWeight& weight,
                           const at::Tensor& accumulate_into = {});

}  // namespace llm::kernels
