#include "llm/objectives/log_odds.h"

#include <ATen/ATen.h>

namespace llm::objectives {

at::Tensor log1mexp(const at::Tensor& x) {
  constexpr double kMinusLn2 = -0.6931471805599453;
  const at::Tensor is_near = x > kMinusLn2;
  const at::Tensor anywhere = at::full_like(x, kMinusLn2);
  const at::Tensor near = at::log(-at::expm1(at::where(is_near, x, anywhere)));
  const at::Tensor far = at::log1p(-at::exp(at::where(is_near, anywhere, x)));
  return at::where(is_near, near, far);
}

at::Tensor log_odds(const at::Tensor& mean_logprob) {
  const at::Tensor l = mean_logprob.clamp_max(kLargestLogprob);
  return l - log1mexp(l);
}

}  // namespace llm::objectives
