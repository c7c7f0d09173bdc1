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
#include "llm/dist/process_group.h"
#include "llm/text/tokenizer.h"
#include "llm/train/eval_change.h"
#include "llm/train/plan.h"
#include "llm/train/restore.h"
#include "llm/train/run_config.h"
#include "llm/train/trainer.h"

namespace llm::train {

enum class ResumeMode {
  kAuto,   // from the run directory's newest checkpoint, or from the start when it has none
  kNever,  // from the start; refused when the run directory holds checkpoints
  kFrom    // from SessionOptions::resume_from
};

struct SessionOptions {
  // The ranks that train together; each calls pretrain or tune with equal options.
  std::shared_ptr<dist::ProcessGroup> group = dist::make_local_group();
  // The same ranks once more, for checkpoints that are written while training goes on; null for one
  // rank, and where training waits (checkpoint.async without it on several ranks).
  std::shared_ptr<dist::ProcessGroup> save_group;
  std::filesystem::path run_directory;
  ResumeMode resume = ResumeMode::kAuto;
  std::filesystem::path resume_from;
  Restore restore;  // of the checkpoint it goes on from; all but kFrom restore everything
  at::Device device = at::kCPU;
  int num_threads = 1;
  int local_rank = 0;           // among the ranks of this host
  std::string program_version;  // has to be the same on all ranks
  bool show_progress = true;
  std::function<bool()> should_stop;  // asked after every step
  // Called while the shards are verified, which takes a while for large data; what it throws ends
  // the run before it began.
  std::function<void(uint64_t bytes_done, uint64_t bytes_total)> on_verify;
};

struct RunSummary {
  RunEnd end = RunEnd::kCompleted;
  TrainerState state;
  int64_t first_step = 0;  // 0, or the step the run was resumed from
  int64_t total_steps = 0;
  std::optional<StepReport> last_step;
  std::optional<double> last_eval_loss;
  std::optional<EvalChange> change;  // of runs on examples that evaluate at the start
  std::string best_metric;           // what TrainerState::best_eval is a value of
  double tokens_per_second = 0;
  int64_t peak_memory_bytes = 0;
  std::filesystem::path run_directory;
  std::filesystem::path checkpoint;  // the newest; known to rank 0
};

// The inputs of a run, read but not yet allocated: what `plan` and --dry-run need too.
struct RunInputs {
  corpus::PreparedDataset dataset;
  std::shared_ptr<const text::Tokenizer> tokenizer;
  arch::ModelConfig model;
};
// The model that model.config or model.init_from names. Unknown keys are logged as warnings.
// Throws: ConfigError, IoError, FormatError.
arch::ModelConfig read_model(const RunConfig& config);
// A new model's vocab_size becomes the tokenizer's, rounded up to a multiple of 64, and its special
// ids the tokenizer's. Throws: ConfigError, IoError, FormatError, DataError.
RunInputs read_inputs(const RunConfig& config);

// What check_run found.
struct RunCheck {
  int64_t num_parameters = 0;
  BatchPlan batch;
  int64_t train_tokens = 0;
  int64_t train_rows = 0;
  int64_t validation_rows = 0;
  int64_t total_steps = 0;
  int64_t first_step = 0;              // the run would go on after it
  std::filesystem::path resumes_from;  // empty: from the start
};

// Everything that pretrain looks at before it allocates or writes, and nothing more: config, data
// (every byte of it), tokenizer, shapes, the checkpoint to resume from.
// Throws: as pretrain, as far as it comes.
RunCheck check_run(const RunConfig& config, const SessionOptions& options);

// Keeps RUN/log.txt, with the error when it throws one. Checkpoints after the one it resumes from
// are moved aside, with a warning.
// Throws: what Trainer::run throws; ConfigError when the run directory is in use or holds a run
// with other settings or another model (by name); DataError when it was trained on other data or
// with another tokenizer; FormatError for damaged shards, and when all of the run's checkpoints are
// damaged; DistError when ranks do not share the run directory's file system. A run that is refused
// leaves no new directory behind.
RunSummary pretrain(const RunConfig& config, const SessionOptions& options);

}  // namespace llm::train
