#include "kernels/cuda/optimizer.h"

#include <ATen/ATen.h>

#include <cmath>

#include "kernels/cuda/glue.h"
#include "kernels/cuda/optimizer_kernels.h"

namespace llm::kernels::cuda {

void adamw_(const at::Tensor& weight, const at::Tensor& grad, const at::Tensor& exp_avg,
            const at::Tensor& exp_avg_sq, const AdamwStep& step) {
  if (weight.numel() == 0) return;
  const double correction1 = 1 - std::pow(step.beta1, static_cast<double>(step.step));
  const double correction2 = 1 - std::pow(step.beta2, static_cast<double>(step.step));
  const auto narrow = [](double x) { return static_cast<float>(x); };
  start(weight, launch_adamw,
        AdamwLaunch{.weight = weight.data_ptr<float>(),
                    .grad = grad.const_data_ptr<float>(),
                    .exp_avg = exp_avg.data_ptr<float>(),
                    .exp_avg_sq = exp_avg_sq.data_ptr<float>(),
                    .count = weight.numel(),
                    .decay = narrow(1 - step.lr * step.weight_decay),
                    .beta1 = narrow(step.beta1),
                    .rest1 = narrow(1 - step.beta1),
                    .beta2 = narrow(step.beta2),
                    .rest2 = narrow(1 - step.beta2),
                    .step_size = narrow(step.lr / correction1),
                    .root_scale = narrow(1 / std::sqrt(correction2)),
                    .eps = narrow(step.eps),
                    .grad_scale = narrow(step.grad_scale)});
}

at::Tensor squared_norm(const at::Tensor& flat) {
  const at::TensorOptions fp64 = flat.options().dtype(at::kDouble);
  const at::Tensor partials = at::empty({kNormBlocks}, fp64), total = at::empty({}, fp64);
  start(flat, launch_squared_norm,
        NormLaunch{.type = type_of(flat),
                   .x = flat.const_data_ptr(),
                   .count = flat.numel(),
                   .partials = partials.data_ptr<double>(),
                   .total = total.data_ptr<double>()});
  return total;
}

}  // namespace llm::kernels::cuda
