#include "llm/objectives/sft.h"

#include <ATen/core/grad_mode.h>

#include "llm/kernels/linear_logprob.h"

namespace llm::objectives {

namespace {

constexpr kernels::LogprobOptions kWithMetrics{.with_entropy = true, .with_hits = true};

}  // namespace

std::vector<Term> SftObjective::terms() const { return {{"nll", 1.0}}; }

std::vector<double> SftObjective::weights(const data::Batch& batch) const {
  return {static_cast<double>(batch.num_trained)};
}

Result SftObjective::compute(nn::CausalLM& model, const data::Batch& batch,
                             std::span<const double> scales) {
  nn::ModelInput input = model_input(batch);
  input.neftune_alpha = options_.neftune_alpha;
  const at::Tensor hidden = model.forward(input);  // [T, D]
  auto loss = kernels::linear_logprob_known_scale(hidden.detach(), model.head_weight(),
                                                  batch.targets, scales[0], kWithMetrics);
  const auto trained = static_cast<double>(batch.num_trained);
  return {{-loss.logprob_sum},
          {{"entropy", {loss.entropy_sum, trained}}, {"mean_token_accuracy", {loss.hits, trained}}},
          hidden,
          loss.dhidden};
}

Result SftObjective::evaluate(nn::CausalLM& model, const data::Batch& batch) {
  const at::NoGradGuard no_grad;
  const at::Tensor hidden = model.forward(model_input(batch));  // [T, D]
  const auto output =
      kernels::linear_logprob(hidden, model.head_weight(), batch.targets, kWithMetrics);
  const auto trained = static_cast<double>(batch.num_trained);
  Result result;
  result.term_sums = {-output.logprob.sum(at::kDouble)};
  result.metrics["entropy"] = {output.entropy.sum(at::kDouble), trained};
  result.metrics["mean_token_accuracy"] = {output.hits.sum(at::kDouble), trained};
  return result;
}

}  // namespace llm::objectives
