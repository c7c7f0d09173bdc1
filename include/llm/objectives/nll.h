// Next-token cross-entropy, of pretraining and of supervised fine-tuning: one term, the sum of
// -log p(target) over the tokens that have a target; weight = their number.
//
// Metrics are means over those tokens under TRL's names: mean_token_accuracy in evaluations; with
// `with_metrics` also in training, and entropy (nats, over the whole vocabulary) in both, and
// evaluations score every document. In training NEFTune (arXiv 2310.05914) may add noise to the
// embeddings.
#pragma once

#include "llm/objectives/objective.h"

namespace llm::objectives {

struct NllOptions {
  bool with_metrics = false;  // costs a pass over the logits
  double neftune_alpha = 0;   // 0: no noise
};

class NllObjective final : public Objective {
 public:
  explicit NllObjective(const NllOptions& options = {}) : options_(options) {}
  std::vector<Term> terms() const override;
  std::vector<double> weights(const data::Batch& batch) const override;
  Result compute(nn::CausalLM& model, const data::Batch& batch,
                 std::span<const double> scales) override;
  Result evaluate(nn::CausalLM& model, const data::Batch& batch) override;

 private:
  NllOptions options_;
};

}  // namespace llm::objectives
