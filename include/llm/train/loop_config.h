// What the training loop reads of a run's configuration, whatever kind of run it is.
#pragma once

#include <cstdint>
#include <string>

#include "llm/optim/adamw.h"
#include "llm/optim/gradient_reducer.h"
#include "llm/train/run_sections.h"

namespace llm::train {

struct LoopConfig {
  optim::OptimConfig optim;
  uint64_t seed = 0;
  int64_t micro_batch_rows = 1;
  int64_t micro_batches = 1;  // per step, of all ranks together
  int64_t log_every_steps = 10;
  bool has_noise = false;  // dropout or NEFTune: batches get a key for it

  optim::ReductionOptions reduction;  // of gradients over ranks

  SpikeSection spikes;
  CheckpointSection checkpoint;
  int64_t max_file_bytes = int64_t{5} << 30;  // of a checkpoint's weight and optimizer files

  struct Evaluation : EvalSection {
    bool at_start = false;             // before the first step, too
    std::string best_metric = "loss";  // of the values of an evaluation, without "eval_"
  };
  Evaluation eval;
};

// Whether a larger value of a metric is better: not of losses, entropies and perplexities.
bool is_larger_better(const std::string& metric);

}  // namespace llm::train
