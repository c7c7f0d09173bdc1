#pragma once

#include "arch/problems.h"
#include "llm/arch/model_config.h"

namespace llm::arch {

void check_rope(const ModelConfig& config, Problems& problems);

}  // namespace llm::arch
