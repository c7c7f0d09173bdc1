// One run for each point of a small grid of settings.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "llm/core/config_node.h"
#include "llm/train/session.h"
#include "llmtrain/run_command.h"

namespace llm::apps {

struct SweepPoint {
  std::string name;                      // of its run directory
  std::vector<std::string> assignments;  // "optim.lr=1e-4"
};

// The points of {"optim.lr": [1e-4, 3e-4], "beta": [0.1, 0.5]}: every combination, the last key
// changing first. Throws: ConfigError for anything but lists of numbers, strings and booleans;
// IoError.
std::vector<SweepPoint> read_sweep(const std::string& file);

using PointRun =
    std::function<train::RunSummary(const core::ConfigNode& config, train::SessionOptions session)>;

// Runs every point in RUN-DIR/NAME, each from its own start (a run that is finished is left as it
// is, an interrupted one goes on), and prints a table with the best point first; RUN-DIR/sweep.json
// holds the same. Throws: Interrupted; what a run throws, naming the point.
void run_sweep(const RunOptions& options, const GlobalOptions& global, const PointRun& run);

}  // namespace llm::apps
