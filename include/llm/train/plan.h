// What a run will cost, from its configuration alone: parameters, tokens, FLOPs, memory by buffer;
// and settings that look unwise. Formulas: docs/numerics.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "llm/arch/parameters.h"
#include "llm/train/run_config.h"

namespace llm::train {

struct MemoryBuffer {
  std::string name;
  int64_t bytes = 0;
  std::string note;
};

struct MemoryPlan {
  std::vector<MemoryBuffer> buffers;
  int64_t peak_bytes = 0;  // the sum, or less under release_memory: gradients and activations then
                           // take turns
};

// Of one rank.
struct MemoryShape {
  int64_t micro_batch_tokens = 0;
  int64_t micro_batches = 1;  // of this rank
  nn::RecomputePolicy recompute = nn::RecomputePolicy::kSelective;
  bool release_memory = false;
  int64_t program_bytes = 0;  // measure_program_bytes()
  int64_t ranks = 1;
  optim::ReductionOptions reduction = {};
  bool saves_async = false;  // checkpoint.async
};
MemoryPlan plan_memory(const arch::ModelConfig& model, const MemoryShape& shape);

// What several ranks share out, under one setting of dist.zero.
struct ZeroPlan {
  int64_t zero = 0;
  MemoryPlan memory;  // of the first rank
  // Payload that a rank sends in a step, give or take the rest of shards.
  int64_t gradient_bytes = 0;
  int64_t parameter_bytes = 0;
};

struct RanksPlan {
  int64_t ranks = 1;
  int64_t most_micro_batches = 0;  // of a step, of the first rank
  int64_t least_micro_batches = 0;
  std::vector<ZeroPlan> choices = {};  // zero 0, 1, 2; empty for one rank
};

struct RunPlan {
  arch::ParameterCounts parameters;
  BatchPlan batch;
  int64_t total_steps = 0;
  int64_t total_tokens = 0;
  double tokens_per_parameter = 0;
  double flops_per_token = 0;
  double total_flops = 0;
  double epochs = 0;
  MemoryPlan memory;  // of one rank
  RanksPlan ranks;
  std::vector<std::string> warnings;
};

struct PlanInput {
  const RunConfig& config;
  const arch::ModelConfig& model;
  int64_t num_rows = 0;                                     // of the training data; 0: unknown
  double mean_document_length = 0;                          // 0: the context length
  std::optional<int64_t> validation_tokens = std::nullopt;  // 0: no such split
  int64_t program_bytes = 0;                                // as of MemoryShape
  int64_t machine_bytes = 0;                                // memory there is; 0: unknown
  int64_t ranks = 1;
};
// Throws: ConfigError as plan_batch and total_steps do.
RunPlan plan_run(const PlanInput& input);

// What the program takes beside the buffers of a plan, measured: the process's resident size after
// a small model was trained for a step, when LibTorch, its threads and its kernels' scratch memory
// are there. Requires: the thread count is set; called before large buffers live.
int64_t measure_program_bytes();

// When rows are longer than the model's positions reach.
std::optional<std::string> context_length_warning(const RunConfig& config,
                                                  const arch::ModelConfig& model);

}  // namespace llm::train
