// The plain ATen implementation of llm/kernels/linear_logprob.h: all logits at once.
#pragma once

#include "llm/kernels/linear_logprob.h"

namespace llm::kernels::reference {

// Differentiable by autograd; with no_grad the mode `none`.
LogprobOutput linear_logprob(const at::Tensor& hidden, const at::Tensor& weight,
                             const at::Tensor& targets, const LogprobOptions& options);
ScaledLoss linear_logprob_known_scale(const at::Tensor& hidden, const at::Tensor& weight,
                                      const at::Tensor& targets, double scale,
                                      const LogprobOptions& options);

}  // namespace llm::kernels::reference
