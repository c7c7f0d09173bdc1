// Odds of an answer from its mean log-probability l <= 0 (natural log), as ORPO compares them
// (arXiv 2403.07691):
//   log_odds(l) = l - log(1 - e^l),   d log_odds / d l = 1 / (1 - e^l)
#pragma once

#include <ATen/core/Tensor.h>

namespace llm::objectives {

// l is taken as at most -1e-6, where its gradient ends: beyond it the odds of fp32 are infinite.
inline constexpr double kLargestLogprob = -1e-6;

// log(1 - e^x) for x < 0, differentiable, in x's type: log(-expm1(x)) above -ln 2, else
// log1p(-e^x) (Maechler 2012). The branch not taken sees a harmless argument, so that its gradient
// is no NaN.
at::Tensor log1mexp(const at::Tensor& x);

at::Tensor log_odds(const at::Tensor& mean_logprob);

}  // namespace llm::objectives
