#include "kernels/reference/optimizer.h"

#include <ATen/ATen.h>

#include <cmath>

namespace llm::kernels::reference {

void adamw_(const at::Tensor& weight, const at::Tensor& grad, const at::Tensor& exp_avg,
            const at::Tensor& exp_avg_sq, const AdamwStep& step) {
  const double correction1 = 1 - std::pow(step.beta1, static_cast<double>(step.step));
  const double correction2 = 1 - std::pow(step.beta2, static_cast<double>(step.step));
  const at::Tensor scaled = grad * step.grad_scale;
  weight.mul_(1 - step.lr * step.weight_decay);
  exp_avg.mul_(step.beta1).add_(scaled, 1 - step.beta1);
  exp_avg_sq.mul_(step.beta2).addcmul_(scaled, scaled, 1 - step.beta2);
  const at::Tensor denominator = exp_avg_sq.sqrt().div_(std::sqrt(correction2)).add_(step.eps);
  weight.addcdiv_(exp_avg, denominator, -step.lr / correction1);
}

at::Tensor squared_norm(const at::Tensor& flat) { return flat.to(at::kDouble).square().sum(); }

}  // namespace llm::kernels::reference
