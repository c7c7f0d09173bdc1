// The training loop (design section 3). It knows an objective, a model's parameters and where rows
// come from; nothing about files' formats, command lines or terminals.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "llm/core/clock.h"
#include "llm/data/data_loader.h"
#include "llm/dist/process_group.h"
#include "llm/nn/causal_lm.h"
#include "llm/objectives/objective.h"
#include "llm/optim/adamw.h"
#include "llm/optim/gradient_reducer.h"
#include "llm/train/checkpoint.h"
#include "llm/train/forgetting_gate.h"
#include "llm/train/loop_config.h"
#include "llm/train/metrics.h"

namespace llm::train {

struct TrainerSetup {
  // Every rank trains with a copy of the weights of its own, all equal. Sinks, samples and
  // save_model are for rank 0 alone.
  dist::ProcessGroup* group = nullptr;
  LoopConfig loop;
  core::ConfigNode resolved_config;  // what checkpoints carry
  int64_t total_steps = 0;
  nn::CausalLM* model = nullptr;
  tensor::ParameterStore* store = nullptr;  // what is trained: the model's, or its adapter's
  objectives::Objective* objective = nullptr;
  const data::RowStream* train_rows = nullptr;
  const data::RowStream* validation_rows = nullptr;  // nullptr: no validation. Epoch 0 of them
  ForgettingGate gate = {};
  // Fills a checkpoint directory with the model (everything but trainer/).
  std::function<void(const std::filesystem::path&)> save_model;
  std::vector<MetricsSink*> sinks;
  // Is told the held-out samples of every evaluation; may be empty.
  std::function<void(int64_t step, const std::vector<objectives::SampleScore>&)> record_samples;
  std::function<bool()> should_stop;  // asked after every step; one rank's yes stops all
  double peak_flops = 0;              // of the device, for MFU; 0: unknown
  double flops_per_token = 0;
};

struct StepReport {
  double loss = 0;
  double lr = 0;
  double grad_norm = 0;
  std::vector<std::pair<std::string, double>> metrics = {};  // of the objective
};

enum class RunEnd { kCompleted, kInterrupted, kStoppedEarly, kStoppedByGate };
// "completed", "interrupted", "stopped early", "stopped by the forgetting gate".
const char* end_name(RunEnd end);

struct StepShare;  // one rank's part of a step

class Trainer {
 public:
  // `state` is that of a fresh run or of load_state(). Requires: everything in `setup` outlives the
  // trainer; the store has its training state allocated.
  Trainer(TrainerSetup setup, TrainerState state, CheckpointFolder checkpoints);
  ~Trainer();

  // Trains until total_steps, a stop request, the early stop or the gate's; records the last step
  // and saves a checkpoint at the end of each. A run that is out of patience, or beyond its gate,
  // from the start trains nothing.
  // Throws: NumericError on a non-finite loss or gradient, on every rank, after saving a checkpoint
  // with the weights from before that step, naming the step and its documents; IoError when a
  // checkpoint cannot be written (older ones stay); DistError when another rank failed.
  RunEnd run();

  const TrainerState& state() const { return state_; }
  std::optional<double> last_eval_loss() const { return last_eval_loss_; }
  std::optional<StepReport> last_step() const { return last_step_; }
  double tokens_per_second() const { return tokens_per_second_; }  // of the last logged interval

 private:
  StepReport train_step();
  std::vector<data::Batch> next_batches();
  std::vector<double> term_scales(const std::vector<data::Batch>& batches);
  StepShare accumulate(const std::vector<data::Batch>& batches);
  bool is_first_rank() const { return setup_.group->rank() == 0; }
  void refuse_non_finite(const StepReport& report, const std::vector<data::Batch>& batches,
                         int64_t first_row);
  bool stop_requested();
  RunEnd stop(RunEnd end);
  void record_step(const StepReport& report, bool is_interim = false);
  void evaluate();
  void judge(const std::vector<std::pair<std::string, double>>& values);
  void ask_gate(std::vector<std::pair<std::string, double>>& values);
  void compare_with_first(std::vector<std::pair<std::string, double>>& values);
  bool is_forgotten(double perplexity, double first) const;
  void save_checkpoint();
  void finish_checkpoint();
  void emit(const MetricsRecord& record);
  bool is_due(int64_t every_steps) const;
  bool out_of_patience() const;
  bool beyond_gate() const;

  TrainerSetup setup_;
  TrainerState state_;
  CheckpointFolder checkpoints_;
  tensor::ParameterStore& store_;
  optim::AdamW optimizer_;
  std::unique_ptr<optim::GradientReducer> reducer_;
  data::DataLoader loader_;
  std::optional<double> last_eval_loss_;
  std::optional<StepReport> last_step_;
  core::Stopwatch interval_;
  int64_t interval_tokens_ = 0;
  double tokens_per_second_ = 0;
  int64_t saved_step_ = -1;
  int64_t recorded_step_ = -1;
};

}  // namespace llm::train
