// The parts that the configurations of all training runs have in common.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "llm/core/config.h"
#include "llm/nn/causal_lm.h"
#include "llm/optim/gradient_reducer.h"

namespace llm::nn {
const std::vector<std::pair<RecomputePolicy, std::string>>& config_enum_names(RecomputePolicy);
}

namespace llm::train {

inline constexpr double kLargestCount = 2147483647;  // of rows or tokens in a micro-batch: 2^31 - 1

// How a step is worked through.
struct WorkSection {
  int64_t seed = 0;
  nn::RecomputePolicy recompute = nn::RecomputePolicy::kSelective;
  bool release_memory = false;

  template <class V>
  void visit(V& v) {
    v.field("seed", seed, "of new weights, the data order and noise", core::at_least(0));
    v.field("recompute", recompute,
            "selective: norms and SwiGLU again in backward; block: whole blocks, least memory");
    v.field("release_memory", release_memory,
            "CPU: free pages go back to the system within a step: a lower peak, slower");
  }
};

struct CheckpointSection {
  int64_t every_steps = 500;
  int64_t keep_last = 2;
  int64_t keep_every_steps = 0;
  bool keep_best = true;
  bool async = false;
  int64_t max_file_mib = 5120;

  template <class V>
  void visit(V& v) {
    v.field("every_steps", every_steps, "steps between checkpoints; 0: at the end only",
            core::at_least(0));
    v.field("keep_last", keep_last, "newest checkpoints that stay", core::at_least(1));
    v.field("keep_every_steps", keep_every_steps,
            "checkpoints of steps that are multiples of this stay too; 0: none", core::at_least(0));
    v.field("keep_best", keep_best, "the checkpoint with the lowest validation loss stays too");
    v.field("async", async,
            "training goes on while a copy of the numbers is written; needs memory for the copy");
    v.field("max_file_mib", max_file_mib,
            "MiB of a weight or optimizer file at most; more are several files",
            core::between(1, 1 << 20));
  }
  int64_t max_file_bytes() const { return max_file_mib << 20; }
};

// What to do about a step whose loss leaps, or is no number.
enum class SpikeAction { kNone, kStop, kSkip, kRollback };
const std::vector<std::pair<SpikeAction, std::string>>& config_enum_names(SpikeAction);

struct SpikeSection {
  SpikeAction action = SpikeAction::kNone;
  double threshold = 6;
  int64_t window = 100;
  int64_t rollback_steps = 100;
  int64_t max_rollbacks = 3;

  template <class V>
  void visit(V& v) {
    v.field("action", action,
            "none: only a loss that is no number stops the run; stop; skip: leave the step's rows "
            "out; rollback: go back and leave out all rows since");
    v.field(
        "threshold", threshold,
        "a spike is a loss more than this many standard deviations above the mean of the window",
        core::more_than(0));
    v.field("window", window, "steps that a loss is compared with", core::between(5, 10000));
    v.field("rollback_steps", rollback_steps,
            "rollback: to the newest checkpoint at least this many steps before the spike",
            core::at_least(0));
    v.field("max_rollbacks", max_rollbacks, "then a spike stops the run", core::at_least(0));
  }
};

struct DistSection {
  int64_t zero = 0;
  int64_t bucket_mib = 25;
  optim::ReduceDtype reduce_dtype = optim::ReduceDtype::kFp32;
  int64_t timeout_seconds = 600;
  int64_t grace_seconds = 30;

  template <class V>
  void visit(V& v) {
    v.field(
        "zero", zero,
        "0: every rank holds the whole training state; 1: its share of the optimizer; 2: of the "
        "gradients too, which are then reduced after each micro-batch",
        core::between(0, 2));
    v.field("bucket_mib", bucket_mib, "MiB of gradients that ranks add up in one piece",
            core::between(1, 4096));
    v.field("reduce_dtype", reduce_dtype,
            "gradients on the wire: fp32, or bf16 for half the bytes and rounded sums");
    v.field("timeout_seconds", timeout_seconds,
            "after so long without a sign of life, or without coming to a step's collective that "
            "others are in, a rank counts as lost",
            core::between(1, 86400));
    v.field("grace_seconds", grace_seconds,
            "--ranks kills what has not ended so long after a SIGTERM or a failure; a rank whose "
            "step lasts longer than half of it after SIGTERM leaves without saving",
            core::between(1, 86400));
  }
  optim::ReductionOptions reduction() const {
    return {.bucket_bytes = bucket_mib << 20, .zero = zero, .dtype = reduce_dtype};
  }
};

struct EvalSection {
  int64_t every_steps = 250;
  int64_t max_rows = 0;
  int64_t patience = 0;

  template <class V>
  void visit(V& v) {
    v.field("every_steps", every_steps, "steps between validations; 0: at the end only",
            core::at_least(0));
    v.field("max_rows", max_rows, "validation rows at most; 0: all", core::at_least(0));
    v.field("patience", patience,
            "stop after this many validations without a better loss; 0: never", core::at_least(0));
  }
};

struct LogSection {
  int64_t every_steps = 10;
  bool tensorboard = true;
  int64_t max_mib = 64;
  int64_t keep_files = 4;
  double heartbeat_seconds = 5;
  std::string webhook;

  template <class V>
  void visit(V& v) {
    v.field("every_steps", every_steps, "steps between lines of metrics.jsonl", core::at_least(1));
    v.field("tensorboard", tensorboard, "also write TensorBoard events");
    v.field("max_mib", max_mib, "MiB of log.txt before it becomes log.1.txt; 0: it grows on",
            core::between(0, 1 << 20));
    v.field("keep_files", keep_files, "log.1.txt, log.2.txt, ... that stay",
            core::between(1, 1000));
    v.field("heartbeat_seconds", heartbeat_seconds,
            "between signs of life in heartbeat.json, which also keep other hosts out of the run",
            core::between(0.05, 3600));
    v.field("webhook", webhook,
            "URL that is told of start, end, failures, loss spikes by a POST; empty: none");
  }
};

// What files and logs may show of a resolved config: log.webhook is emptied, because the path of a
// webhook is its secret.
core::ConfigNode without_secrets(core::ConfigNode config);

}  // namespace llm::train
