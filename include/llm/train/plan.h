// What a run will cost, from its configuration alone: parameters, tokens, FLOPs, memory by buffer;
// and settings that look unwise. Formulas: docs/numerics.md.
#pragma once

#include <cstdint>
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

struct MemoryShape {
  int64_t micro_batch_tokens = 0;
  int64_t micro_batches = 1;
  nn::RecomputePolicy recompute = nn::RecomputePolicy::kSelective;
  bool release_memory = false;
  int64_t program_bytes = 0;  // resident before anything is allocated: program and libraries
};
MemoryPlan plan_memory(const arch::ModelConfig& model, const MemoryShape& shape);

struct RunPlan {
  arch::ParameterCounts parameters;
  BatchPlan batch;
  int64_t total_steps = 0;
  int64_t total_tokens = 0;
  double tokens_per_parameter = 0;
  double flops_per_token = 0;
  double total_flops = 0;
  double epochs = 0;
  MemoryPlan memory;
  std::vector<std::string> warnings;
};

struct PlanInput {
  const RunConfig& config;
  const arch::ModelConfig& model;
  int64_t num_rows = 0;             // of the training data; 0: unknown
  double mean_document_length = 0;  // 0: the context length
  int64_t program_bytes = 0;
};
RunPlan plan_run(const PlanInput& input);

}  // namespace llm::train
