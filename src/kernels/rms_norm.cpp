#include "llm/kernels/rms_norm.h"

#include <torch/csrc/autograd/custom_function.h>

#include <ATen/ATen.h>

#include "kernels/cpu/rms_norm.h"
#include "kernels/cuda/rms_norm.h"
#include "kernels/path.h"
#include "kernels/reference/rms_norm.h"
#include "llm/core/check.h"

namespace llm::kernels {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

void check_shapes(const at::Tensor& x, const at::Tensor& weight) {
  LLM_CHECK(x.dim() >= 1 && weight.dim() == 1 && x.size(-1) == weight.size(0),
            "x has {} columns, the weight {} numbers", x.dim() ? x.size(-1) : 0, weight.numel());
}

struct RmsNormFunction : torch::autograd::Function<RmsNormFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& weight,
                            double eps) {
    const RmsNormOutput output = rms_norm_forward(x, weight, eps);
    context->save_for_backward({x, weight, output.rstd});
    return output.y;
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const variable_list saved = context->get_saved_variables();
    const bool wants_weight = context->needs_input_grad(1);
    const at::Tensor weight_grad = wants_weight ? at::zeros_like(saved[1]) : at::Tensor();
    const at::Tensor dx =
        rms_norm_backward(grads[0], saved[0], saved[1], saved[2], at::Tensor(), weight_grad);
    return {dx, weight_grad, at::Tensor()};
  }
};

}  // namespace

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps) {
  check_shapes(x, weight);
  if (path_for({x, weight}) == Path::kReference) return reference::rms_norm(x, weight, eps);
  return RmsNormFunction::apply(x, weight, eps);
}

RmsNormOutput rms_norm_forward(const at::Tensor& x, const at::Tensor& weight, double eps) {
  check_shapes(x, weight);
  const at::NoGradGuard no_grad;
  switch (path_for({x, weight})) {
    case Path::kCpu:
      return cpu::rms_norm_forward(x, weight, eps);
    case Path::kCuda:
      return cuda::rms_norm_forward(x, weight, eps);
    case Path::kReference:
      break;
  }
  return reference::rms_norm_forward(x, weight, eps);
}

at::Tensor rms_norm_recompute(const at::Tensor& x, const at::Tensor& weight,
                              const at::Tensor& rstd) {
  check_shapes(x, weight);
  const at::NoGradGuard no_grad;
  switch (path_for({x, weight})) {
    case Path::kCpu:
      return cpu::rms_norm_recompute(x, weight, rstd);
    case Path::kCuda:
      return cuda::rms_norm_recompute(x, weight, rstd);
    case Path::kReference:
      break;
  }
  return reference::rms_norm_recompute(x, weight, rstd);
}

AddRmsNormOutput add_rms_norm_forward(const at::Tensor& x, const at::Tensor& residual,
                                      const at::Tensor& weight, double eps) {
  check_shapes(x, weight);
  LLM_CHECK(x.sizes() == residual.sizes());
  const at::NoGradGuard no_grad;
  switch (path_for({x, residual, weight})) {
    case Path::kCpu:
      return cpu::add_rms_norm_forward(x, residual, weight, eps);
    case Path::kCuda:
      return cuda::add_rms_norm_forward(x, residual, weight, eps);
    case Path::kReference:
      break;
  }
  return reference::add_rms_norm_forward(x, residual, weight, eps);
}

at::Tensor rms_norm_backward(const at::Tensor& dy, const at::Tensor& x, const at::Tensor& weight,
                             const at::Tensor& rstd, const at::Tensor& residual_grad,
                             const at::Tensor& weight_grad) {
  check_shapes(x, weight);
  LLM_CHECK(dy.sizes() == x.sizes() && rstd.numel() * x.size(-1) == x.numel());
  const at::NoGradGuard no_grad;
  switch (path_for({x, dy, weight, residual_grad})) {
    case Path::kCpu:
      return cpu::rms_norm_backward(dy, x, weight, rstd, residual_grad, weight_grad);
    case Path::kCuda:
      return cuda::rms_norm_backward(dy, x, weight, rstd, residual_grad, weight_grad);
    case Path::kReference:
      break;
  }
  return reference::rms_norm_backward(dy, x, weight, rstd, residual_grad, weight_grad);
}

}  // namespace llm::kernels
