#include "kernels/cuda/rms_norm.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "kernels/cuda/glue.h"
#include "kernels/cuda/rms_norm_kernels.h"

namespace llm::kernels::cuda {
namespace {

constexpr int64_t kBackwardBlocks = 512;  // partial sums of the weight's gradient

at::Tensor allocate_rstd(const at::Tensor& x) {
  return at::empty(x.sizes().slice(0, x.dim() - 1), x.options().dtype(at::kFloat));
}

at::Tensor same_type(const at::Tensor& weight, const at::Tensor& x) {
  return weight.to(x.scalar_type()).contiguous();
}

}  // namespace

RmsNormOutput rms_norm_forward(const at::Tensor& given, const at::Tensor& given_weight,
                               double eps) {
  const at::Tensor x = as_rows(given), weight = same_type(given_weight, given);
  const RmsNormOutput out{at::empty(x.sizes(), x.options()), allocate_rstd(x)};
  if (x.numel() == 0) return out;
  start(x, launch_rms_norm,
        RmsNormLaunch{.type = type_of(x),
                      .x_rows = rows_of(x),
                      .x = x.const_data_ptr(),
                      .residual = nullptr,
                      .weight = weight.const_data_ptr(),
                      .sum = nullptr,
                      .y = out.y.data_ptr(),
                      .rstd = out.rstd.data_ptr<float>(),
                      .eps = static_cast<float>(eps),
                      .recompute = false});
  return out;
}

at::Tensor rms_norm_recompute(const at::Tensor& given, const at::Tensor& given_weight,
                              const at::Tensor& given_rstd) {
  const at::Tensor x = as_rows(given), weight = same_type(given_weight, given);
  const at::Tensor rstd = given_rstd.contiguous();
  const at::Tensor y = at::empty(x.sizes(), x.options());
  if (x.numel() == 0) return y;
  start(x, launch_rms_norm,
        RmsNormLaunch{.type = type_of(x),
                      .x_rows = rows_of(x),
                      .x = x.const_data_ptr(),
                      .residual = nullptr,
                      .weight = weight.const_data_ptr(),
                      .sum = nullptr,
                      .y = y.data_ptr(),
                      .rstd = rstd.data_ptr<float>(),
                      .eps = 0,
                      .recompute = true});
  return y;
}

AddRmsNormOutput add_rms_norm_forward(const at::Tensor& given, const at::Tensor& given_residual,
                                      const at::Tensor& given_weight, double eps) {
  const at::Tensor x = given.contiguous(), weight = same_type(given_weight, given);
  const at::Tensor residual = given_residual.to(x.scalar_type()).contiguous();
  const AddRmsNormOutput out{at::empty(x.sizes(), x.options()), at::empty(x.sizes(), x.options()),
                             allocate_rstd(x)};
  if (x.numel() == 0) return out;
  start(x, launch_rms_norm,
        RmsNormLaunch{.type = type_of(x),
                      .x_rows = rows_of(x),
                      .x = x.const_data_ptr(),
                      .residual = residual.const_data_ptr(),
                      .weight = weight.const_data_ptr(),
                      .sum = out.sum.data_ptr(),
                      .y = out.y.data_ptr(),
                      .rstd = out.rstd.data_ptr<float>(),
                      .eps = static_cast<float>(eps),
                      .recompute = false});
  return out;
}

at::Tensor rms_norm_backward(const at::Tensor& given_dy, const at::Tensor& given_x,
                             const at::Tensor& given_weight, const at::Tensor& given_rstd,
                             const at::Tensor& residual_grad, const at::Tensor& weight_grad) {
  const at::Tensor x = as_rows(given_x), weight = same_type(given_weight, given_x);
  const at::Tensor dy = as_rows(given_dy.to(x.scalar_type())), rstd = given_rstd.contiguous();
  const bool has_residual = residual_grad.defined();
  const at::Tensor dx = has_residual ? residual_grad.to(x.scalar_type()).contiguous()
                                     : at::empty(x.sizes(), x.options());
  if (x.numel() == 0) return dx;
  const Rows rows = rows_of(x);
  const int64_t blocks = std::min(rows.count, kBackwardBlocks);
  const at::Tensor partials = weight_grad.defined()
                                  ? at::zeros({blocks, rows.width}, x.options().dtype(at::kFloat))
                                  : at::Tensor();
  start(x, launch_rms_norm_backward,
        RmsNormBackwardLaunch{
            .type = type_of(x),
            .x_rows = rows,
            .dy_rows = rows_of(dy),
            .dy = dy.const_data_ptr(),
            .x = x.const_data_ptr(),
            .weight = weight.const_data_ptr(),
            .rstd = rstd.const_data_ptr<float>(),
            .residual_grad = has_residual ? dx.const_data_ptr() : nullptr,
            .dx = dx.data_ptr(),
            .weight_partials = partials.defined() ? partials.data_ptr<float>() : nullptr,
            .blocks = static_cast<int>(blocks)});
  if (weight_grad.defined()) weight_grad.add_(partials.sum(0));
  return dx;
}

}  // namespace llm::kernels::cuda
