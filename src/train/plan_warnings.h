// Settings of a run that look unwise, each with the reason.
#pragma once

#include <string>
#include <vector>

#include "llm/train/plan.h"

namespace llm::train {

// `plan` complete but for its warnings.
std::vector<std::string> unwise_settings(const RunPlan& plan, const PlanInput& input);

}  // namespace llm::train
