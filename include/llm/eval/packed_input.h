// Several sequences laid end to end as one ModelInput, each a document of its own.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "llm/nn/causal_lm.h"

namespace llm::eval {

// Requires: at least one sequence, none empty.
nn::ModelInput packed_input(const std::vector<std::span<const int32_t>>& sequences,
                            at::Device device);

}  // namespace llm::eval
