// The plain ATen implementation of llm/kernels/rms_norm.h.
#pragma once

#include "llm/kernels/rms_norm.h"

namespace llm::kernels::reference {

// Differentiable by autograd.
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps);
RmsNormOutput rms_norm_forward(const at::Tensor& x, const at::Tensor& weight, double eps);
at::Tensor rms_norm_recompute(const at::Tensor& x, const at::Tensor& weight,
                              const at::Tensor& rstd);
AddRmsNormOutput add_rms_norm_forward(const at::Tensor& x, const at::Tensor& residual,
                                      const at::Tensor& weight, double eps);
at::Tensor rms_norm_backward(const at::Tensor& dy, const at::Tensor& x, const at::Tensor& weight,
                             const at::Tensor& rstd, const at::Tensor& residual_grad,
                             const at::Tensor& weight_grad);

}  // namespace llm::kernels::reference
