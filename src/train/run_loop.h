// What every kind of run does around its training loop: sinks, log, settings, summary.
#pragma once

#include "llm/train/session.h"

namespace llm::train {

// Writes RUN/config.json, moves checkpoints after the state's step aside, adds the sinks that
// `tensorboard` and the options ask for to those of the setup, and trains. Requires: the run
// directory is ours. Throws: as Trainer::run.
RunSummary run_loop(TrainerSetup setup, const TrainerState& state, const SessionOptions& options,
                    bool tensorboard);

// Calls `train`; what it throws goes to the log file, too.
RunSummary with_error_log(const std::function<RunSummary()>& train);

}  // namespace llm::train
