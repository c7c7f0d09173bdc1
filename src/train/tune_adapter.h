// The adapter that the config of a tuning run describes.
#pragma once

#include "llm/arch/lora.h"
#include "train/tune_inputs.h"

namespace llm::train {

struct TunedLora {
  arch::LoraConfig config;
  arch::LoraLayout layout;  // the saved tables with a row for every token of an extended vocabulary
};

// Requires: lora.r above 0. Throws: ConfigError for targets that the model does not have, and for
// a base that is an adapter itself.
TunedLora describe_adapter(const TuneConfig& config, const TuneInputs& inputs);

}  // namespace llm::train
