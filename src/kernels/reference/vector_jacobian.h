// The reference's backward passes: the forward again under autograd.
#pragma once

#include <torch/csrc/autograd/autograd.h>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <vector>

namespace llm::kernels::reference {

// Gradients of sum(forward(inputs) * dout) for each input.
template <class Forward>
std::vector<at::Tensor> vector_jacobian(const Forward& forward, std::vector<at::Tensor> inputs,
                                        const at::Tensor& dout) {
  const at::AutoGradMode grad_mode(true);
  for (at::Tensor& input : inputs) input = input.detach().requires_grad_();
  const at::Tensor out = forward(inputs);
  return torch::autograd::grad({out}, inputs, {dout.detach()});
}

}  // namespace llm::kernels::reference
