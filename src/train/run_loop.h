// What every kind of run does around its training loop: sinks, log, settings, summary.
#pragma once

#include "llm/train/session.h"
#include "train/shared_run_directory.h"

namespace llm::train {

// Writes RUN/config.json, moves checkpoints after the state's step aside, adds the sinks that `log`
// and the options ask for to those of the setup, and trains. Requires: `directory` is open.
// Throws: as Trainer::run; LeaseLostError.
RunSummary run_loop(TrainerSetup setup, const TrainerState& state, const SessionOptions& options,
                    const LogSection& log, SharedRunDirectory& directory);

// What a run goes on with that a spike sent back (RunEnd::kRolledBack): it resumes from what its
// directory has, however it was started.
SessionOptions after_rollback(SessionOptions options);

// Calls `train`; what it throws goes to the log file, the heartbeat and the webhook, too.
RunSummary with_error_log(SharedRunDirectory& directory, const std::function<RunSummary()>& train);

}  // namespace llm::train
