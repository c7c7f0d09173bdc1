// Supervised fine-tuning: next-token cross-entropy over the tokens that a loss mask marks.
//
// The term is that of pretraining; metrics are entropy (nats, over the whole vocabulary) and
// mean_token_accuracy, both means over trained tokens, as TRL's SFTTrainer names them. In training
// NEFTune (arXiv 2310.05914) may add noise to the embeddings.
#pragma once

#include "llm/objectives/objective.h"

namespace llm::objectives {

struct SftOptions {
  double neftune_alpha = 0;  // 0: no noise
};

class SftObjective final : public Objective {
 public:
  explicit SftObjective(const SftOptions& options) : options_(options) {}
  std::vector<Term> terms() const override;
  std::vector<double> weights(const data::Batch& batch) const override;
  Result compute(nn::CausalLM& model, const data::Batch& batch,
                 std::span<const double> scales) override;
  Result evaluate(nn::CausalLM& model, const data::Batch& batch) override;

 private:
  SftOptions options_;
};

}  // namespace llm::objectives
