// What a merge did, for people and as JSON.
#pragma once

#include <vector>

#include "llm/convert/lora_adapter.h"
#include "llmconvert/commands.h"

namespace llm::apps {

// A line for every kind of module: how many, rank, scale, and the one that changed most.
ReportExtras lora_report(const std::vector<convert::LoraChange>& changes);

}  // namespace llm::apps
