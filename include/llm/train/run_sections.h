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

  template <class V>
  void visit(V& v) {
    v.field("every_steps", every_steps, "steps between checkpoints; 0: at the end only",
            core::at_least(0));
    v.field("keep_last", keep_last, "newest checkpoints that stay", core::at_least(1));
    v.field("keep_every_steps", keep_every_steps,
            "checkpoints of steps that are multiples of this stay too; 0: none", core::at_least(0));
    v.field("keep_best", keep_best, "the checkpoint with the lowest validation loss stays too");
  }
};

struct DistSection {
  int64_t zero = 0;
  int64_t bucket_mib = 25;
  optim::ReduceDtype reduce_dtype = optim::ReduceDtype::kFp32;

  template <class V>
  void visit(V& v) {
    v.field("zero", zero,
            "0: every rank holds the whole training state; 1: its share of the optimizer; 2: of the "
            "gradients too, which are then reduced after each micro-batch",
            core::between(0, 2));
    v.field("bucket_mib", bucket_mib, "MiB of gradients that ranks add up in one piece",
            core::between(1, 4096));
    v.field("reduce_dtype", reduce_dtype,
            "gradients on the wire: fp32, or bf16 for half the bytes and rounded sums");
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

  template <class V>
  void visit(V& v) {
    v.field("every_steps", every_steps, "steps between lines of metrics.jsonl", core::at_least(1));
    v.field("tensorboard", tensorboard, "also write TensorBoard events");
  }
};

}  // namespace llm::train
