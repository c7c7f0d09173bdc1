#include "kernels/reference/linear_logprob.h"

#include <ATen/ATen.h>

#include "kernels/path.h"
#include "kernels/reference/vector_jacobian.h"

namespace llm::kernels::reference {

LogprobOutput linear_logprob(const at::Tensor& hidden, const at::Tensor& weight,
                             const at::Tensor& given_targets, const LogprobOptions& options) {
  const at::ScalarType type = statistics_type(hidden);
  const at::Tensor targets = given_targets.to(hidden.device());
  const at::Tensor trained = targets != kIgnoreTarget;  // [T]
  const at::Tensor zero = at::zeros({}, hidden.options().dtype(type));
  const at::Tensor logits = at::matmul(hidden.to(type), weight.to(type).t());  // [T, V]
  const at::Tensor logprobs = at::log_softmax(logits, -1);
  const at::Tensor safe_targets = targets.masked_fill(~trained, 0).unsqueeze(-1);
  LogprobOutput out;
  out.logprob = at::where(trained, logprobs.gather(-1, safe_targets).squeeze(-1), zero);
  if (options.with_entropy) {
    const at::Tensor values = logprobs.detach();
    out.entropy = at::where(trained, -(values.exp() * values).sum(-1), zero);
  }
  if (options.with_hits) out.hits = (logits.argmax(-1) == targets).logical_and(trained);
  return out;
}

ScaledLoss linear_logprob_known_scale(const at::Tensor& hidden, const at::Tensor& weight,
                                      const at::Tensor& targets, double scale,
                                      const LogprobOptions& options) {
  const LogprobOutput values = reference::linear_logprob(hidden, weight, targets, options);
  const auto loss = [&](const std::vector<at::Tensor>& inputs) {
    return reference::linear_logprob(inputs[0], inputs[1], targets, {}).logprob.sum() * -scale;
  };
  const at::Tensor one = at::ones({}, values.logprob.options());
  const std::vector<at::Tensor> grads = vector_jacobian(loss, {hidden, weight}, one);
  if (weight.grad().defined()) weight.grad().add_(grads[1]);
  ScaledLoss out{values.logprob.sum(), grads[0], at::Tensor(), at::Tensor()};
  if (options.with_entropy) out.entropy_sum = values.entropy.sum();
  if (options.with_hits) out.hits = values.hits.sum();
  return out;
}

}  // namespace llm::kernels::reference
