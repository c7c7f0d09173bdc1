// Whether a model that is tuned still knows what it knew: its perplexity on given texts at every
// evaluation, against that before the first step.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "llm/core/config.h"

namespace llm::train {

enum class GateAction { kStop, kWarn };
const std::vector<std::pair<GateAction, std::string>>& config_enum_names(GateAction);

struct ForgettingGate {
  std::function<double()> perplexity;  // of the model as it is; empty: no gate
  double max_increase = 0.1;           // over that before the run: 0.1 is 10 %
  GateAction action = GateAction::kStop;
};

// The name of its value in metrics: "eval_base_perplexity".
inline constexpr const char* kBasePerplexity = "eval_base_perplexity";

}  // namespace llm::train
