// Numerical check of gradients: central differences of a random projection of the output against
// autograd, in fp64.
#pragma once

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <functional>
#include <vector>

namespace llm::test {

using DifferentiableFunction = std::function<at::Tensor(const std::vector<at::Tensor>&)>;

// The analytic gradient of sum(function(inputs) * projection) for each input.
inline std::vector<at::Tensor> analytic_gradients(const DifferentiableFunction& function,
                                                  std::vector<at::Tensor> inputs,
                                                  const at::Tensor& projection) {
  for (at::Tensor& input : inputs) input = input.detach().clone().requires_grad_();
  return torch::autograd::grad({function(inputs)}, inputs, {projection});
}

// The same by (f(x + h) - f(x - h)) / 2h for every element.
inline at::Tensor numeric_gradient(const DifferentiableFunction& function,
                                   const std::vector<at::Tensor>& inputs, size_t which,
                                   const at::Tensor& projection) {
  const at::NoGradGuard no_grad;
  constexpr double kStep = 1e-5;
  std::vector<at::Tensor> moved = inputs;
  moved[which] = inputs[which].clone(at::MemoryFormat::Contiguous);
  const at::Tensor flat = moved[which].view(-1);
  const at::Tensor gradient = at::zeros_like(flat);
  const auto value = [&] { return (function(moved) * projection).sum().item<double>(); };
  for (int64_t i = 0; i < flat.numel(); ++i) {
    const double centre = flat[i].item<double>();
    flat[i].fill_(centre + kStep);
    const double above = value();
    flat[i].fill_(centre - kStep);
    const double below = value();
    flat[i].fill_(centre);
    gradient[i].fill_((above - below) / (2 * kStep));
  }
  return gradient.view(inputs[which].sizes());
}

// Expects every input's gradient to agree. Requires: fp64 inputs, few elements.
inline void expect_gradients(const DifferentiableFunction& function,
                             const std::vector<at::Tensor>& inputs) {
  const at::Tensor projection = at::randn_like(function(inputs)).detach();
  const std::vector<at::Tensor> analytic = analytic_gradients(function, inputs, projection);
  for (size_t i = 0; i < inputs.size(); ++i) {
    const at::Tensor numeric = numeric_gradient(function, inputs, i, projection);
    // Truncation h^2 f''' and rounding eps f / h are both near 1e-10 for values of order 1.
    const double error = (numeric - analytic[i]).abs().max().item<double>();
    EXPECT_LT(error, 1e-7 * (1 + numeric.abs().max().item<double>())) << "input " << i;
  }
}

}  // namespace llm::test
