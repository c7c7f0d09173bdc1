// RopeConfig out of and into config.json.
#pragma once

#include <string>
#include <vector>

#include "arch/problems.h"
#include "llm/arch/model_config.h"

namespace llm::arch {

// Reads both spellings; where both are there they must agree. `config` needs
// max_position_embeddings. Names of unknown keys are appended to `unknown_keys`.
void read_rope(const io::OrderedJson& json, ModelConfig& config, Problems& problems,
               std::vector<std::string>& unknown_keys);

// The value of `rope_scaling`: null for the default type.
io::OrderedJson rope_scaling_json(const RopeConfig& rope);

}  // namespace llm::arch
