#include "llm/objectives/pretrain.h"

#include <ATen/core/grad_mode.h>

#include "llm/kernels/linear_logprob.h"

namespace llm::objectives {

std::vector<Term> PretrainObjective::terms() const { return {{"nll", 1.0}}; }

std::vector<double> PretrainObjective::weights(const data::Batch& batch) const {
  return {static_cast<double>(batch.num_trained)};
}

Result PretrainObjective::compute(nn::CausalLM& model, const data::Batch& batch,
                                  std::span<const double> scales) {
  const at::Tensor hidden = model.forward(model_input(batch));  // [T, D]
  auto loss = kernels::linear_logprob_known_scale(hidden.detach(), model.head_weight(),
                                                  batch.targets, scales[0]);
  return {{-loss.logprob_sum}, {}, hidden, loss.dhidden};
}

Result PretrainObjective::evaluate(nn::CausalLM& model, const data::Batch& batch) {
  const at::NoGradGuard no_grad;
  const at::Tensor hidden = model.forward(model_input(batch));  // [T, D]
  const auto output =
      kernels::linear_logprob(hidden, model.head_weight(), batch.targets, {.with_hits = true});
  const auto trained = static_cast<double>(batch.num_trained);
  Result result;
  result.term_sums = {-output.logprob.sum(at::kDouble)};
  result.metrics["mean_token_accuracy"] = {output.hits.sum(at::kDouble), trained};
  return result;
}

}  // namespace llm::objectives
