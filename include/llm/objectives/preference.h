// Objectives over preference pairs: a chosen answer y_w and a rejected one y_l to the same prompt
// x.
//
//   l(y) = (1 / |y|) sum_t log p(y_t | x, y_<t)         mean over the answer's tokens, <= 0
//   s(y) = sum_t log p(y_t | x, y_<t)
//
//   ORPO   nll(x, y_w) + beta * L,  L = -log sigmoid(z),  z = log_odds(l(y_w)) - log_odds(l(y_l))
//          (arXiv 2403.07691; log_odds.h)
//   DPO    -log sigmoid(beta * ((s(y_w) - r(y_w)) - (s(y_l) - r(y_l)))),  r: s under the reference
//          (arXiv 2305.18290)
//   SimPO  -log sigmoid(beta * (l(y_w) - l(y_l)) - gamma)   (arXiv 2405.14734)
//
// nll is the mean over the global batch of -log p over the targets of the chosen documents, which
// are prompt and answer, or the answer alone (data::ExampleRowsOptions::trains_prompts); L the mean
// over the global batch's pairs. Log-probabilities are summed in fp64, odds taken in fp64.
//
// Metrics carry TRL's names. `logps/margins`, the mean of l(y_w) - l(y_l), is ours: it compares
// answers by length and does not scale with beta.
//
// A batch's documents are pairs: chosen, rejected, chosen, ... A pair with an empty answer
// contributes nothing and is counted in `skipped_pairs`.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "llm/objectives/objective.h"

namespace llm::objectives {

// Of each pair of a batch. Letters: P pairs.
struct PairLogprobs {
  at::Tensor chosen_sum, rejected_sum;              // [P] fp64, s
  at::Tensor chosen_mean, rejected_mean;            // [P] fp64, l
  at::Tensor chosen_reference, rejected_reference;  // [P] fp64, r; undefined without a reference
};

// What a kind of objective makes of them.
struct PairLosses {
  at::Tensor losses;                            // [P], differentiable
  at::Tensor chosen_rewards, rejected_rewards;  // [P]
  at::Tensor logged_chosen, logged_rejected;    // [P], the kind's logps/chosen and logps/rejected
  std::map<std::string, at::Tensor> metrics = {};  // [P] each
};

// log p of every document's answer under the reference model, by sample index.
using ReferenceLogprobs = std::vector<double>;

struct OrpoOptions {
  double beta = 0.1;
};
struct DpoOptions {
  double beta = 0.1;
  std::shared_ptr<const ReferenceLogprobs> reference;
};
struct SimpoOptions {
  double beta = 2.0;
  double gamma = 0.5;  // margin
};

PairLosses orpo_losses(const PairLogprobs& pairs, const OrpoOptions& options);
PairLosses dpo_losses(const PairLogprobs& pairs, const DpoOptions& options);
PairLosses simpo_losses(const PairLogprobs& pairs, const SimpoOptions& options);

class PreferenceObjective : public Objective {
 public:
  // `source_names`: evaluations report rewards/accuracies of each when there are several.
  explicit PreferenceObjective(std::vector<std::string> source_names)
      : source_names_(std::move(source_names)) {}
  std::vector<Term> terms() const override;
  std::vector<double> weights(const data::Batch& batch) const override;
  Result compute(nn::CausalLM& model, const data::Batch& batch,
                 std::span<const double> scales) override;
  Result evaluate(nn::CausalLM& model, const data::Batch& batch) override;

 protected:
  virtual Term pair_term() const = 0;
  virtual bool has_nll() const { return false; }
  virtual PairLosses pair_losses(const PairLogprobs& pairs) const = 0;
  virtual const ReferenceLogprobs* reference() const { return nullptr; }

 private:
  struct Scores;
  Scores score(const at::Tensor& logprob, const data::Batch& batch) const;
  Result summarize(const Scores& scores, const data::Batch& batch) const;
  static std::vector<SampleScore> score_pairs(const Scores& scores, const data::Batch& batch);
  void add_source_metrics(Result& result) const;

  std::vector<std::string> source_names_;
};

class OrpoObjective final : public PreferenceObjective {
 public:
  OrpoObjective(const OrpoOptions& options, std::vector<std::string> source_names)
      : PreferenceObjective(std::move(source_names)), options_(options) {}

 protected:
  Term pair_term() const override { return {"odds_ratio", options_.beta}; }
  bool has_nll() const override { return true; }
  PairLosses pair_losses(const PairLogprobs& pairs) const override {
    return orpo_losses(pairs, options_);
  }

 private:
  OrpoOptions options_;
};

class DpoObjective final : public PreferenceObjective {
 public:
  DpoObjective(DpoOptions options, std::vector<std::string> source_names)
      : PreferenceObjective(std::move(source_names)), options_(std::move(options)) {}

 protected:
  Term pair_term() const override { return {"dpo", 1.0}; }
  PairLosses pair_losses(const PairLogprobs& pairs) const override {
    return dpo_losses(pairs, options_);
  }
  const ReferenceLogprobs* reference() const override { return options_.reference.get(); }

 private:
  DpoOptions options_;
};

class SimpoObjective final : public PreferenceObjective {
 public:
  SimpoObjective(const SimpoOptions& options, std::vector<std::string> source_names)
      : PreferenceObjective(std::move(source_names)), options_(options) {}

 protected:
  Term pair_term() const override { return {"simpo", 1.0}; }
  PairLosses pair_losses(const PairLogprobs& pairs) const override {
    return simpo_losses(pairs, options_);
  }

 private:
  SimpoOptions options_;
};

// log p of every answer of a batch's documents, without gradients: what a reference is made of.
std::vector<double> answer_logprobs(nn::CausalLM& model, const data::Batch& batch);

}  // namespace llm::objectives
