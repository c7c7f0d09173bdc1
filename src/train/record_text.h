// A metrics record as one line of text, for the terminal and the log.
#pragma once

#include <string>

#include "llm/train/metrics.h"

namespace llm::train {

// "step 20/2000  loss 4.1234  ..." of a step, "step 20  validation  ..." of an evaluation.
std::string record_text(const MetricsRecord& record, int64_t total_steps);

}  // namespace llm::train
