// Ranks started by Slurm's srun.
#pragma once

#include <optional>

#include "dist/variables.h"
#include "llm/dist/launch.h"

namespace llm::dist {

// nullopt outside a job step. Throws: ConfigError for a step whose variables contradict each other.
std::optional<LaunchEnvironment> read_slurm(const Variables& variables);

}  // namespace llm::dist
