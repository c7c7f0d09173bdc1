#include "kernels/reference/rms_norm.h"

#include <ATen/ATen.h>

#include "kernels/path.h"
#include "kernels/reference/vector_jacobian.h"

namespace llm::kernels::reference {
namespace {

at::Tensor inverse_rms(const at::Tensor& x, double eps) {  // [T, D] -> [T]
  return x.to(statistics_type(x)).square().mean(-1).add(eps).rsqrt();
}

at::Tensor normalise(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& rstd) {
  const at::ScalarType type = statistics_type(x);
  return (x.to(type) * rstd.unsqueeze(-1) * weight.to(type)).to(x.scalar_type());
}

}  // namespace

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps) {
  return normalise(x, weight, inverse_rms(x, eps));
}

RmsNormOutput rms_norm_forward(const at::Tensor& x, const at::Tensor& weight, double eps) {
  const at::Tensor rstd = inverse_rms(x, eps);
  return {normalise(x, weight, rstd), rstd};
}

at::Tensor rms_norm_recompute(const at::Tensor& x, const at::Tensor& weight,
                              const at::Tensor& rstd) {
  return normalise(x, weight, rstd);
}

AddRmsNormOutput add_rms_norm_forward(const at::Tensor& x, const at::Tensor& residual,
                                      const at::Tensor& weight, double eps) {
  const at::Tensor sum = x + residual;
  const at::Tensor rstd = inverse_rms(sum, eps);
  return {sum, normalise(sum, weight, rstd), rstd};
}

at::Tensor rms_norm_backward(const at::Tensor& dy, const at::Tensor& x, const at::Tensor& weight,
                             const at::Tensor& rstd, const at::Tensor& residual_grad,
                             const at::Tensor& weight_grad) {
  // eps is not among the arguments; rstd holds it: eps = 1 / rstd^2 - mean(x^2).
  const at::ScalarType type = statistics_type(x);
  const at::Tensor eps = rstd.square().reciprocal() - x.to(type).square().mean(-1);
  const auto forward = [&](const std::vector<at::Tensor>& inputs) {
    const at::Tensor again = (inputs[0].to(type).square().mean(-1) + eps).rsqrt();
    return normalise(inputs[0], inputs[1], again);
  };
  const std::vector<at::Tensor> grads = vector_jacobian(forward, {x, weight}, dy);
  if (weight_grad.defined()) weight_grad.add_(grads[1]);
  return residual_grad.defined() ? grads[0] + residual_grad : grads[0];
}

}  // namespace llm::kernels::reference
