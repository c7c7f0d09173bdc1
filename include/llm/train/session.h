// A run from its configuration to its end: opens the run directory, data, tokenizer and model,
// resumes, trains.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "llm/corpus/dataset.h"
#include "llm/text/tokenizer.h"
#include "llm/train/plan.h"
#include "llm/train/run_config.h"
#include "llm/train/trainer.h"

namespace llm::train {

enum class ResumeMode {
  kAuto,   // from the run directory's newest checkpoint, or from the start when it has none
  kNever,  // from the start; refused when the run directory holds checkpoints
  kFrom    // from SessionOptions::resume_from
};

struct SessionOptions {
  std::filesystem::path run_directory;
  ResumeMode resume = ResumeMode::kAuto;
  std::filesystem::path resume_from;
  at::Device device = at::kCPU;
  int num_threads = 1;
  bool show_progress = true;
  std::function<bool()> should_stop;  // asked after every step
};

struct RunSummary {
  RunEnd end = RunEnd::kCompleted;
  TrainerState state;
  int64_t first_step = 0;  // 0, or the step the run was resumed from
  int64_t total_steps = 0;
  std::optional<StepReport> last_step;
  std::optional<double> last_eval_loss;
  double tokens_per_second = 0;
  int64_t peak_memory_bytes = 0;
  std::filesystem::path run_directory;
  std::filesystem::path checkpoint;  // the newest
};

// The inputs of a run, read but not yet allocated: what `plan` and --dry-run need too.
struct RunInputs {
  corpus::PreparedDataset dataset;
  std::shared_ptr<const text::Tokenizer> tokenizer;
  arch::ModelConfig model;
};
// A new model's vocab_size becomes the tokenizer's, rounded up to a multiple of 64, and its special
// ids the tokenizer's. Throws: ConfigError, IoError, FormatError, DataError.
RunInputs read_inputs(const RunConfig& config);

// Throws: what Trainer::run throws; ConfigError when the run directory is in use, or holds a run
// with other settings (by name).
RunSummary pretrain(const RunConfig& config, const SessionOptions& options);

}  // namespace llm::train
