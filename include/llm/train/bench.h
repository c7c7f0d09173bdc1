// How fast training is on this machine: the real step (objective, model, backward, clipping, AdamW)
// on random tokens, without files; on one rank or several.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "llm/arch/model_config.h"
#include "llm/dist/process_group.h"
#include "llm/train/run_config.h"
#include "llm/train/step_trace.h"

namespace llm::train {

struct BenchOptions {
  int64_t steps = 5;         // measured
  int64_t warmup_steps = 2;  // before them
  at::Device device = at::kCPU;
  std::shared_ptr<dist::ProcessGroup> group = dist::make_local_group();
  // Is told the spans of the measured steps; nullptr: nobody is.
  StepTrace* trace = nullptr;
  // Called after every step, warm-up included; what it throws ends the measurement.
  std::function<void(int64_t done, int64_t total)> on_step = {};
};

struct BenchResult {
  std::vector<double> step_seconds;
  int64_t tokens_per_step = 0;  // of all ranks
  int64_t num_parameters = 0;
  double median_seconds = 0;
  double tokens_per_second = 0;  // of the median step
  double flops_per_second = 0;
  double first_loss = 0;
  double last_loss = 0;
  int64_t peak_memory_bytes = 0;  // of this rank
  // What all ranks together sent in the measured steps.
  int64_t gradient_bytes = 0, parameter_bytes = 0, control_bytes = 0;
};

// Rows are single documents of context_length random tokens, as peers measure it.
// Throws: ConfigError for less than one step, a negative warm-up, or a batch that does not divide;
// DistError.
BenchResult bench_training(const RunConfig& config, const arch::ModelConfig& model,
                           const BenchOptions& options);

}  // namespace llm::train
