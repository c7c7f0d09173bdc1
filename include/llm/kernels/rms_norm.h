// RMSNorm (Zhang & Sennrich, arXiv 1910.07467):  y = x / sqrt(mean(x^2) + eps) * w,  over the last
// dimension; statistics in fp32. Letters: T tokens, D model dim. Any leading dimensions may stand
// for T.
#pragma once

#include <ATen/core/Tensor.h>

#include <tuple>

namespace llm::kernels {

// Differentiable in x and w.
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight,
                    double eps);  // [T, D], [D] -> [T, D]

// For blocks with their own backward. rstd is 1 / sqrt(mean(x^2) + eps), fp32.
struct RmsNormOutput {
  at::Tensor y;     // [T, D]
  at::Tensor rstd;  // [T] fp32
};
RmsNormOutput rms_norm_forward(const at::Tensor& x, const at::Tensor& weight, double eps);
// y from x and a saved rstd: the recompute pass.
at::Tensor rms_norm_recompute(const at::Tensor& x, const at::Tensor& weight,
                              const at::Tensor& rstd);

// sum = x + residual, y = rms_norm(sum): one pass over memory.
struct AddRmsNormOutput {
  at::Tensor sum;   // [T, D]
  at::Tensor y;     // [T, D]
  at::Tensor rstd;  // [T] fp32
};
AddRmsNormOutput add_rms_norm_forward(const at::Tensor& x, const at::Tensor& residual,
                                      const at::Tensor& weight, double eps);

// Returns dx [T, D] (+ `residual_grad` when defined, the gradient that came past the norm) and adds
// the weight's gradient to `weight_grad` [D] when that is defined. `residual_grad`'s memory may be
// reused for the result.
at::Tensor rms_norm_backward(const at::Tensor& dy, const at::Tensor& x, const at::Tensor& weight,
                             const at::Tensor& rstd, const at::Tensor& residual_grad,
                             const at::Tensor& weight_grad);

}  // namespace llm::kernels
