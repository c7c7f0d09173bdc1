#include "llm/kernels/linear.h"

#include <torch/csrc/autograd/custom_function.h>

#include <ATen/ATen.h>

#include "kernels/gemm.h"
#include "kernels/path.h"
#include "llm/core/check.h"

namespace llm::kernels {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

void check_shapes(const at::Tensor& x, const LinearWeight& weight) {
  LLM_CHECK(x.dim() == 2 && weight.weight.dim() == 2 && x.size(1) == weight.weight.size(1),
            "x has {} columns, the weight {}", x.size(-1), weight.weight.size(-1));
  LLM_CHECK(!weight.bias.defined() || weight.bias.numel() == weight.weight.size(0));
}

struct LinearFunction : torch::autograd::Function<LinearFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& weight,
                            const std::optional<at::Tensor>& bias) {
    context->save_for_backward({x, weight, bias.value_or(at::Tensor())});
    return linear_forward(x, {weight, bias.value_or(at::Tensor())});
  }

  // A parameter with a preset .grad gets its gradient there; autograd is handed nothing for it.
  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const at::NoGradGuard no_grad;
    const variable_list saved = context->get_saved_variables();
    const at::Tensor& dy = grads[0];
    variable_list result(3);
    if (context->needs_input_grad(0)) result[0] = product(dy, saved[1]);
    if (context->needs_input_grad(1)) result[1] = weight_gradient(saved[1], dy, saved[0]);
    if (saved[2].defined() && context->needs_input_grad(2)) {
      result[2] = bias_gradient(saved[2], dy);
    }
    return result;
  }

  static at::Tensor weight_gradient(const at::Tensor& weight, const at::Tensor& dy,
                                    const at::Tensor& x) {
    if (!has_gradient_buffer(weight)) return at::mm(dy.t(), x);
    add_weight_gradient_(weight.grad(), dy, x);
    return {};
  }

  static at::Tensor bias_gradient(const at::Tensor& bias, const at::Tensor& dy) {
    if (!has_gradient_buffer(bias)) return dy.sum(0);
    bias.grad().add_(dy.sum(0));
    return {};
  }
};

}  // namespace

at::Tensor linear(const at::Tensor& x, const LinearWeight& weight) {
  check_shapes(x, weight);
  if (path_for({x, weight.weight}) == Path::kReference) {
    const at::Tensor y = at::matmul(x, weight.weight.t());
    return weight.bias.defined() ? y + weight.bias : y;
  }
  const std::optional<at::Tensor> bias =
      weight.bias.defined() ? std::optional<at::Tensor>(weight.bias) : std::nullopt;
  return LinearFunction::apply(x, weight.weight, bias);
}

at::Tensor linear_forward(const at::Tensor& x, const LinearWeight& weight) {
  check_shapes(x, weight);
  const at::NoGradGuard no_grad;
  return product_transposed(x, weight.weight, weight.bias);
}

at::Tensor linear_backward(const at::Tensor& dy, const at::Tensor& x, const LinearWeight& weight) {
  check_shapes(x, weight);
  LLM_CHECK(dy.dim() == 2 && dy.size(0) == x.size(0) && dy.size(1) == weight.weight.size(0));
  const at::NoGradGuard no_grad;
  if (weight.weight.grad().defined()) add_weight_gradient_(weight.weight.grad(), dy, x);
  if (weight.bias.defined() && weight.bias.grad().defined()) weight.bias.grad().add_(dy.sum(0));
  return product(dy, weight.weight);
}

}  // namespace llm::kernels
