#include "llm/objectives/preference.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "llm/core/check.h"
#include "llm/kernels/linear_logprob.h"
#include "llm/objectives/log_odds.h"
#include "objectives/document_sums.h"

namespace llm::objectives {

namespace {

at::Tensor host_tensor(const std::vector<double>& values, at::Device device) {
  return at::tensor(values, at::kDouble).to(device);
}

bool is_whole_pair(const data::Batch& batch, size_t pair) {
  return batch.document_answers[2 * pair] > 0 && batch.document_answers[2 * pair + 1] > 0;
}

size_t num_pairs(const data::Batch& batch) {
  LLM_CHECK(batch.num_documents % 2 == 0 && batch.answers.defined(),
            "a batch of {} documents holds no pairs", batch.num_documents);
  return static_cast<size_t>(batch.num_documents) / 2;
}

// Equal answers are never right: what tells their rewards apart is rounding.
bool is_identical_pair(const data::Batch& batch, size_t pair) {
  return batch.document_ids[2 * pair] == batch.document_ids[2 * pair + 1];
}

double num_whole_pairs(const data::Batch& batch) {
  double count = 0;
  for (size_t pair = 0; pair < num_pairs(batch); ++pair) count += is_whole_pair(batch, pair);
  return count;
}

double num_chosen_targets(const data::Batch& batch) {
  double count = 0;
  for (size_t pair = 0; pair < num_pairs(batch); ++pair) count += batch.document_targets[2 * pair];
  return count;
}

// What is scored of a batch, M of them: its tokens, and once more the last tokens of prompts that
// two answers share, for the second answer.
struct ScoredHidden {
  at::Tensor hidden;   // [M, D]
  at::Tensor targets;  // [M] int64
};

ScoredHidden scored_hidden(const at::Tensor& hidden, const data::Batch& batch) {
  if (!batch.shared_rows.defined()) return {hidden, batch.targets};
  return {at::cat({hidden, hidden.index_select(0, batch.shared_rows)}),
          at::cat({batch.targets, batch.shared_targets})};
}

struct ScoredPlaces {
  at::Tensor documents;  // [M] int64
  at::Tensor answers;    // [M] bool
};

ScoredPlaces scored_places(const data::Batch& batch) {
  const at::Tensor documents = document_of_token(batch);  // [T]
  if (!batch.shared_rows.defined()) return {documents, batch.answers};
  std::vector<int64_t> continuing;
  for (size_t d = 0; d < batch.document_prefixes.size(); ++d) {
    if (batch.document_prefixes[d] > 0) continuing.push_back(static_cast<int64_t>(d));
  }
  const at::Tensor second = at::tensor(continuing, at::kLong).to(documents.device());  // [E]
  return {at::cat({documents, second}), at::cat({batch.answers, at::ones_like(second, at::kBool)})};
}

}  // namespace

// Columns of documents: chosen answers stand at even places.
struct PreferenceObjective::Scores {
  at::Tensor nll_sum;  // []
  at::Tensor whole;    // [P] fp64: 1 for pairs that count
  at::Tensor correct;  // [P] fp64: 1 where the chosen answer has the larger reward
  PairLogprobs pairs;
  PairLosses losses;
};

std::vector<Term> PreferenceObjective::terms() const {
  if (has_nll()) return {{"nll", 1.0}, pair_term()};
  return {pair_term()};
}

std::vector<double> PreferenceObjective::weights(const data::Batch& batch) const {
  if (has_nll()) return {num_chosen_targets(batch), num_whole_pairs(batch)};
  return {num_whole_pairs(batch)};
}

PreferenceObjective::Scores PreferenceObjective::score(const at::Tensor& logprob,
                                                       const data::Batch& batch) const {
  const at::Device device = logprob.device();
  const size_t pairs = num_pairs(batch);
  const ScoredPlaces places = scored_places(batch);
  const at::Tensor values = logprob.to(at::kDouble);  // [M]
  const at::Tensor answer_sums =
      sum_by_document(values * places.answers, places.documents, batch).view({-1, 2});  // [P, 2]
  std::vector<double> lengths, whole, reference_values;
  for (size_t d = 0; d < 2 * pairs; ++d) {
    lengths.push_back(std::max(batch.document_answers[d], 1));
    if (reference() != nullptr) {
      reference_values.push_back(reference()->at(static_cast<size_t>(batch.document_samples[d])));
    }
  }
  for (size_t pair = 0; pair < pairs; ++pair) whole.push_back(is_whole_pair(batch, pair));

  Scores scores;
  const at::Tensor is_chosen = (places.documents % 2) == 0;  // [M]
  scores.nll_sum = -(values * is_chosen).sum();
  scores.whole = host_tensor(whole, device);
  const at::Tensor means = answer_sums / host_tensor(lengths, device).view({-1, 2});
  scores.pairs = {answer_sums.select(1, 0),
                  answer_sums.select(1, 1),
                  means.select(1, 0),
                  means.select(1, 1),
                  {},
                  {}};
  if (reference() != nullptr) {
    const at::Tensor reference_sums = host_tensor(reference_values, device).view({-1, 2});
    scores.pairs.chosen_reference = reference_sums.select(1, 0);
    scores.pairs.rejected_reference = reference_sums.select(1, 1);
  }
  scores.losses = pair_losses(scores.pairs);
  std::vector<double> distinct;
  for (size_t pair = 0; pair < pairs; ++pair) distinct.push_back(!is_identical_pair(batch, pair));
  scores.correct = (scores.losses.chosen_rewards > scores.losses.rejected_rewards) *
                   host_tensor(distinct, device);
  return scores;
}

Result PreferenceObjective::summarize(const Scores& scores, const data::Batch& batch) const {
  const double pairs = num_whole_pairs(batch);
  const auto sum = [&](const at::Tensor& values) -> MetricSum {
    return {(values.detach() * scores.whole).sum(), pairs};
  };
  const PairLosses& losses = scores.losses;
  Result result;
  const at::Tensor pair_sum = (losses.losses * scores.whole).sum();
  if (has_nll()) {
    result.term_sums = {scores.nll_sum, pair_sum};
    result.metrics["nll_loss"] = {scores.nll_sum.detach(), num_chosen_targets(batch)};
  } else {
    result.term_sums = {pair_sum};
  }
  result.metrics["rewards/chosen"] = sum(losses.chosen_rewards);
  result.metrics["rewards/rejected"] = sum(losses.rejected_rewards);
  result.metrics["rewards/margins"] = sum(losses.chosen_rewards - losses.rejected_rewards);
  result.metrics["rewards/accuracies"] = sum(scores.correct);
  result.metrics["logps/chosen"] = sum(losses.logged_chosen);
  result.metrics["logps/rejected"] = sum(losses.logged_rejected);
  result.metrics["logps/margins"] = sum(scores.pairs.chosen_mean - scores.pairs.rejected_mean);
  for (const auto& [name, values] : losses.metrics) result.metrics[name] = sum(values);
  const auto skipped = static_cast<double>(num_pairs(batch)) - pairs;
  if (skipped > 0) result.metrics["skipped_pairs"] = {at::tensor(skipped, at::kDouble), 1.0};
  return result;
}

std::vector<SampleScore> PreferenceObjective::score_pairs(const Scores& scores,
                                                          const data::Batch& batch) {
  const auto chosen = host_values(scores.pairs.chosen_sum);
  const auto margins = host_values(scores.pairs.chosen_mean - scores.pairs.rejected_mean);
  const auto correct = host_values(scores.correct);
  std::vector<SampleScore> samples;
  for (size_t pair = 0; pair < num_pairs(batch); ++pair) {
    if (!is_whole_pair(batch, pair)) continue;
    samples.push_back({.sample = batch.document_samples[2 * pair],
                       .source = batch.document_sources[2 * pair],
                       .nll = -chosen[pair],
                       .num_targets = static_cast<double>(batch.document_answers[2 * pair]),
                       .margin = margins[pair],
                       .is_correct = correct[pair] > 0});
  }
  return samples;
}

void PreferenceObjective::add_source_metrics(Result& result) const {
  if (source_names_.size() < 2) return;
  std::map<std::string, std::pair<double, double>> sources;  // right, all
  for (const SampleScore& sample : result.samples) {
    auto& [right, all] =
        sources["rewards/accuracies/" + source_names_.at(static_cast<size_t>(sample.source))];
    right += *sample.is_correct;
    all += 1;
  }
  for (const auto& [name, counts] : sources)
    result.metrics[name] = {at::tensor(counts.first, at::kDouble), counts.second};
}

Result PreferenceObjective::compute(nn::CausalLM& model, const data::Batch& batch,
                                    std::span<const double> scales) {
  const auto [hidden, targets] = scored_hidden(model.forward(model_input(batch)), batch);
  const auto output = kernels::linear_logprob_deferred(hidden, model.head_weight(), targets);
  Result result = summarize(score(output.logprob, batch), batch);
  for (size_t i = 0; i < scales.size(); ++i) {
    const at::Tensor part = result.term_sums[i] * scales[i];
    result.root = result.root.defined() ? result.root + part : part;
    result.term_sums[i] = result.term_sums[i].detach();
  }
  result.root_gradient = at::ones_like(result.root);
  return result;
}

Result PreferenceObjective::evaluate(nn::CausalLM& model, const data::Batch& batch) {
  const at::NoGradGuard no_grad;
  const auto [hidden, targets] = scored_hidden(model.forward(model_input(batch)), batch);
  const auto output = kernels::linear_logprob(hidden, model.head_weight(), targets);
  const Scores scores = score(output.logprob, batch);
  Result result = summarize(scores, batch);
  result.samples = score_pairs(scores, batch);
  add_source_metrics(result);
  return result;
}

PairLosses orpo_losses(const PairLogprobs& pairs, const OrpoOptions& options) {
  const at::Tensor log_odds_ratio =
      log_odds(pairs.chosen_mean) - log_odds(pairs.rejected_mean);  // [P]
  const at::Tensor log_sigmoids = at::log_sigmoid(log_odds_ratio);
  return {.losses = -log_sigmoids,
          .chosen_rewards = pairs.chosen_mean.detach() * options.beta,
          .rejected_rewards = pairs.rejected_mean.detach() * options.beta,
          .logged_chosen = pairs.chosen_mean,
          .logged_rejected = pairs.rejected_mean,
          .metrics = {{"log_odds_ratio", log_sigmoids}, {"log_odds_chosen", log_odds_ratio}}};
}

PairLosses dpo_losses(const PairLogprobs& pairs, const DpoOptions& options) {
  LLM_CHECK(pairs.chosen_reference.defined(), "DPO needs log-probabilities of a reference");
  const at::Tensor chosen = (pairs.chosen_sum - pairs.chosen_reference) * options.beta;
  const at::Tensor rejected = (pairs.rejected_sum - pairs.rejected_reference) * options.beta;
  return {.losses = -at::log_sigmoid(chosen - rejected),
          .chosen_rewards = chosen.detach(),
          .rejected_rewards = rejected.detach(),
          .logged_chosen = pairs.chosen_sum,
          .logged_rejected = pairs.rejected_sum};
}

PairLosses simpo_losses(const PairLogprobs& pairs, const SimpoOptions& options) {
  const at::Tensor margin =
      (pairs.chosen_mean - pairs.rejected_mean) * options.beta - options.gamma;
  return {.losses = -at::log_sigmoid(margin),
          .chosen_rewards = pairs.chosen_mean.detach() * options.beta,
          .rejected_rewards = pairs.rejected_mean.detach() * options.beta,
          .logged_chosen = pairs.chosen_mean,
          .logged_rejected = pairs.rejected_mean};
}

std::vector<double> answer_logprobs(nn::CausalLM& model, const data::Batch& batch) {
  const at::NoGradGuard no_grad;
  const auto [hidden, targets] = scored_hidden(model.forward(model_input(batch)), batch);
  const auto output = kernels::linear_logprob(hidden, model.head_weight(), targets);
  const ScoredPlaces places = scored_places(batch);
  return host_values(
      sum_by_document(output.logprob.to(at::kDouble) * places.answers, places.documents, batch));
}

}  // namespace llm::objectives
