// A run whose inputs were opened and checked, before anything is allocated or written.
#pragma once

#include <optional>

#include "llm/data/token_dataset.h"
#include "llm/train/session.h"

namespace llm::train {

struct OpenedRun {
  RunInputs inputs;
  BatchPlan batch;
  data::TokenDataset rows;
  std::optional<data::TokenDataset> validation;
  int64_t total_steps = 0;
};

// Verifies every shard. Throws: ConfigError, IoError, FormatError, DataError.
OpenedRun open_run(const RunConfig& config, const SessionOptions& options);

}  // namespace llm::train
