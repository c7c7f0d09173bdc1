#include "llm/objectives/nll.h"

#include <ATen/core/grad_mode.h>

#include "llm/kernels/linear_logprob.h"
#include "objectives/document_sums.h"

namespace llm::objectives {

namespace {

// Pieces of one document are samples of the same number.
std::vector<SampleScore> score_documents(const at::Tensor& logprob, const data::Batch& batch) {
  const std::vector<double> sums =
      host_values(sum_by_document(logprob.to(at::kDouble), document_of_token(batch), batch));
  std::vector<SampleScore> samples;
  for (size_t d = 0; d < sums.size(); ++d) {
    if (batch.document_targets[d] == 0) continue;
    samples.push_back({.sample = batch.document_samples[d],
                       .source = batch.document_sources[d],
                       .nll = -sums[d],
                       .num_targets = static_cast<double>(batch.document_targets[d])});
  }
  return samples;
}

}  // namespace

std::vector<Term> NllObjective::terms() const { return {{"nll", 1.0}}; }

std::vector<double> NllObjective::weights(const data::Batch& batch) const {
  return {static_cast<double>(batch.num_trained)};
}

Result NllObjective::compute(nn::CausalLM& model, const data::Batch& batch,
                             std::span<const double> scales) {
  nn::ModelInput input = model_input(batch);
  input.neftune_alpha = options_.neftune_alpha;
  const at::Tensor hidden = model.forward(input);  // [T, D]
  const bool with_metrics = options_.with_metrics;
  auto loss = kernels::linear_logprob_known_scale(
      hidden.detach(), model.head_weight(), batch.targets, scales[0],
      {.with_entropy = with_metrics, .with_hits = with_metrics});
  Result result;
  result.term_sums = {-loss.logprob_sum};
  result.root = hidden;
  result.root_gradient = loss.dhidden;
  if (with_metrics) {
    const auto trained = static_cast<double>(batch.num_trained);
    result.metrics["entropy"] = {loss.entropy_sum, trained};
    result.metrics["mean_token_accuracy"] = {loss.hits, trained};
  }
  return result;
}

Result NllObjective::evaluate(nn::CausalLM& model, const data::Batch& batch) {
  const at::NoGradGuard no_grad;
  const at::Tensor hidden = model.forward(model_input(batch));  // [T, D]
  const auto output =
      kernels::linear_logprob(hidden, model.head_weight(), batch.targets,
                              {.with_entropy = options_.with_metrics, .with_hits = true});
  const auto trained = static_cast<double>(batch.num_trained);
  Result result;
  result.term_sums = {-output.logprob.sum(at::kDouble)};
  result.metrics["mean_token_accuracy"] = {output.hits.sum(at::kDouble), trained};
  if (options_.with_metrics) {
    result.metrics["entropy"] = {output.entropy.sum(at::kDouble), trained};
    result.samples = score_documents(output.logprob, batch);
  }
  return result;
}

}  // namespace llm::objectives
