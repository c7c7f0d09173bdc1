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

struct StepReport {
  double loss = 0;
  double lr = 0;
  double grad_norm = 0;
  std::vector<std::pair<std::string, double>> metrics = {};  // of the objective
};

// Something that a person who is not looking wants to know.
struct RunEvent {
  std::string kind;  // "saved", "spike", "rollback"
  int64_t step = 0;
  std::string text;
};

struct TrainerSetup {
  // Every rank trains with a copy of the weights of its own, all equal. Sinks, samples,
  // model_files.create and what is told of steps and events are for rank 0 alone.
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
  ModelFiles model_files;
  // Saves are under way in it beside training; nullptr: in `group`, while training waits.
  dist::ProcessGroup* save_group = nullptr;
  std::vector<MetricsSink*> sinks;
  // Is told the held-out samples of every evaluation; may be empty.
  std::function<void(int64_t step, const std::vector<objectives::SampleScore>&)> record_samples;
  // May be empty: after every step, and when something happened.
  std::function<void(int64_t step, const StepReport&)> on_step;
  std::function<void(const RunEvent&)> on_event;
  // May be empty: before a checkpoint's first file is made, and before it is committed. May be
  // called by a saving thread. What it throws ends the run.
  std::function<void()> before_write;
  // Makes what the run left out last over a restart, before it goes on. Requires: not empty where
  // spikes are skipped.
  std::function<void(const std::vector<SkippedRows>&)> record_skips;
  std::function<bool()> should_stop;  // asked after every step; one rank's yes stops all
  double peak_flops = 0;              // of the device, for MFU; 0: unknown
  double flops_per_token = 0;
};

// kRolledBack: a spike sent the run back; it goes on from what is now its newest checkpoint, or
// from the beginning when there is none.
enum class RunEnd { kCompleted, kInterrupted, kStoppedEarly, kStoppedByGate, kRolledBack };
// "completed", "interrupted", "stopped early", "stopped by the forgetting gate", "rolled back".
const char* end_name(RunEnd end);

struct StepShare;  // one rank's part of a step
class CheckpointSaver;

class Trainer {
 public:
  // `state` is that of a fresh run or of load_state(). Requires: everything in `setup` outlives the
  // trainer; the store has its training state allocated.
  Trainer(TrainerSetup setup, TrainerState state, CheckpointFolder checkpoints);
  ~Trainer();

  // Trains until total_steps, a stop request, the early stop or the gate's; records the last step
  // and saves a checkpoint at the end of each. A run that is out of patience, or beyond its gate,
  // from the start trains nothing.
  // Throws: NumericError on a loss or gradient that is not finite, or a spike that nothing is to be
  // done about any more, on every rank, after saving a checkpoint with the weights from before that
  // step, naming the step and its documents; IoError when a
  // checkpoint cannot be written (older ones stay); DistError when another rank failed.
  RunEnd run();

  const TrainerState& state() const { return state_; }
  std::optional<double> last_eval_loss() const { return last_eval_loss_; }
  std::optional<StepReport> last_step() const { return last_step_; }
  double tokens_per_second() const { return tokens_per_second_; }  // of the last logged interval

 private:
  std::optional<StepReport> train_step();  // nullopt: a spike, and no step was made
  std::vector<data::Batch> next_batches();
  std::vector<double> term_scales(const std::vector<data::Batch>& batches);
  StepShare accumulate(const std::vector<data::Batch>& batches);
  bool is_first_rank() const { return setup_.group->rank() == 0; }
  void answer_spike(const std::string& cause, const std::vector<data::Batch>& batches);
  [[noreturn]] void refuse_step(const std::string& cause, const std::vector<data::Batch>& batches);
  void skip_step(const std::string& cause);
  void roll_back(const std::string& cause);
  void leave_out(SkippedRows skipped);
  int64_t num_rollbacks() const;
  bool stop_requested();
  void finish_step(const StepReport& report);
  RunEnd stop(RunEnd end);
  void record_step(const StepReport& report, bool is_interim = false);
  void evaluate();
  void judge(const std::vector<std::pair<std::string, double>>& values);
  void ask_gate(std::vector<std::pair<std::string, double>>& values);
  void compare_with_first(std::vector<std::pair<std::string, double>>& values);
  bool is_forgotten(double perplexity, double first) const;
  void save_checkpoint();
  void finish_saving();
  std::vector<tensor::ArenaRange> ranges_to_save() const;
  void emit(const MetricsRecord& record);
  bool is_due(int64_t every_steps) const;
  bool out_of_patience() const;
  bool beyond_gate() const;

  TrainerSetup setup_;
  TrainerState state_;
  tensor::ParameterStore& store_;
  optim::AdamW optimizer_;
  std::unique_ptr<optim::GradientReducer> reducer_;
  data::DataLoader loader_;
  std::unique_ptr<CheckpointSaver> saver_;
  std::optional<double> last_eval_loss_;
  std::optional<StepReport> last_step_;
  core::Stopwatch interval_;
  int64_t interval_tokens_ = 0;
  double tokens_per_second_ = 0;
  int64_t recorded_step_ = -1;
  int64_t skips_in_a_row_ = 0;
  bool is_rolled_back_ = false;
};

}  // namespace llm::train
