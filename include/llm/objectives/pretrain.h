// Next-token cross-entropy: one term, sum of -log p(target) over trained tokens, weight = their
// number.
#pragma once

#include "llm/objectives/objective.h"

namespace llm::objectives {

class PretrainObjective final : public Objective {
 public:
  std::vector<Term> terms() const override;
  std::vector<double> weights(const data::Batch& batch) const override;
  Result compute(nn::CausalLM& model, const data::Batch& batch,
                 std::span<const double> scales) override;
  Result evaluate(nn::CausalLM& model, const data::Batch& batch) override;
};

}  // namespace llm::objectives
