#include "llm/train/trainer.h"

#include <torch/csrc/autograd/autograd.h>

#include <cmath>

#include <fmt/format.h>
#include "llm/core/check.h"
#include "llm/core/error.h"
#include "llm/core/log.h"
#include "llm/core/rng.h"
#include "llm/optim/schedule.h"
#include "llm/tensor/memory_stats.h"
#include "train/checkpoint_saver.h"
#include "train/rank_exchange.h"
#include "train/rank_phase.h"
#include "train/skip_log.h"
#include "train/spike_detector.h"
#include "train/validation.h"

namespace llm::train {

namespace {

// Streams of random numbers of a run, beside those of weights and data order.
constexpr uint64_t kNoiseStream = 0x6e6f697365;

uint64_t noise_key(const LoopConfig& loop, int64_t step) {
  if (!loop.has_noise) return 0;
  return core::mix_seed(core::mix_seed(loop.seed, kNoiseStream), static_cast<uint64_t>(step)) | 1;
}

double find_value(const std::vector<std::pair<std::string, double>>& values,
                  const std::string& metric) {
  std::string names;
  for (const auto& [name, value] : values) {
    if (name == "eval_" + metric) return value;
    names += (names.empty() ? "" : ", ") + name.substr(5);
  }
  throw core::ConfigError({"eval.best_metric", "one of " + names, metric,
                           "Choose a metric that this run's evaluations have"});
}

}  // namespace

const char* end_name(RunEnd end) {
  switch (end) {
    case RunEnd::kCompleted:
      return "completed";
    case RunEnd::kInterrupted:
      return "interrupted";
    case RunEnd::kStoppedEarly:
      return "stopped early";
    case RunEnd::kStoppedByGate:
      return "stopped by the forgetting gate";
    case RunEnd::kRolledBack:
      return "rolled back";
  }
  return "?";
}

Trainer::Trainer(TrainerSetup setup, TrainerState state, CheckpointFolder checkpoints)
    : setup_(std::move(setup)),
      state_(std::move(state)),
      store_(*setup_.store),
      optimizer_(store_, setup_.loop.optim),
      reducer_(optim::make_gradient_reducer(store_, *setup_.group, setup_.loop.reduction,
                                            setup_.loop.micro_batches)),
      loader_(*setup_.train_rows,
              {.rows_per_batch = setup_.loop.micro_batch_rows,
               .batches_per_step = setup_.loop.micro_batches,
               .rank = setup_.group->rank(),
               .world_size = setup_.group->size(),
               .skipped = rows_of(state_.skipped)},
              state_.next_row) {
  setup_.model->set_backward_observer(
      {.layer_begins = [this](int64_t layer) { reducer_->layer_begins(layer); },
       .layer_done = [this](int64_t layer) { reducer_->layer_done(layer); }});
  saver_ = std::make_unique<CheckpointSaver>(
      SaverSetup{.group = setup_.save_group ? setup_.save_group : setup_.group,
                 .is_alone = setup_.save_group != nullptr || setup_.group->size() == 1,
                 .store = &store_,
                 .own_ranges = ranges_to_save(),
                 .model = setup_.model_files,
                 .config = setup_.resolved_config,
                 .options = setup_.loop.checkpoint,
                 .max_file_bytes = setup_.loop.max_file_bytes,
                 .on_event = setup_.on_event,
                 .before_write = setup_.before_write,
                 .first_step = state_.step},
      std::move(checkpoints));
  // All ranks have looked what is saved before one of them may write.
  setup_.group->barrier("start of the run");
}

Trainer::~Trainer() {
  setup_.model->set_backward_observer({});
  setup_.group->set_step(0);
}

RunEnd Trainer::run() {
  if (state_.step == 0 && setup_.loop.eval.at_start) evaluate();
  while (state_.step < setup_.total_steps) {
    // Asked before a step: a run that was stopped stays stopped when it is started again.
    if (out_of_patience()) return stop(RunEnd::kStoppedEarly);
    if (beyond_gate()) return stop(RunEnd::kStoppedByGate);
    const std::optional<StepReport> report = train_step();
    if (is_rolled_back_) return RunEnd::kRolledBack;
    if (report) finish_step(*report);
    const bool is_last = state_.step == setup_.total_steps;
    if (!is_last && stop_requested()) return stop(RunEnd::kInterrupted);
  }
  finish_saving();
  return beyond_gate() ? RunEnd::kStoppedByGate : RunEnd::kCompleted;
}

void Trainer::finish_step(const StepReport& report) {
  if (setup_.on_step) setup_.on_step(state_.step, report);
  if (is_due(setup_.loop.log_every_steps) || state_.step == 1) record_step(report);
  if (is_due(setup_.loop.eval.every_steps)) evaluate();
  if (is_due(setup_.loop.checkpoint.every_steps)) save_checkpoint();
}

RunEnd Trainer::stop(RunEnd end) {
  if (last_step_ && recorded_step_ != state_.step) record_step(*last_step_, /*is_interim=*/true);
  finish_saving();
  return end;
}

// Any rank's wish: they have to stop after the same step. A save that failed meanwhile failed on
// all ranks, each of which may learn it at another time.
bool Trainer::stop_requested() {
  const bool own = setup_.should_stop && setup_.should_stop();
  const auto sums = join_sums(*setup_.group, {own ? 1.0 : 0.0, saver_->has_failed() ? 1.0 : 0.0},
                              "stop requests");
  if (sums[1] > 0) saver_->wait();
  return sums[0] > 0;
}

std::optional<StepReport> Trainer::train_step() {
  setup_.group->set_step(state_.step + 1);
  // 1. Fetch this rank's micro-batches of the step.
  const std::vector<data::Batch> batches = next_batches();
  // 2. and 3. Scale of each term, forward and backward; gradients are added up over ranks
  // meanwhile.
  const StepShare share = join_shares(*setup_.group, accumulate(batches));
  StepReport report{.loss = share.loss, .metrics = metric_means(share.metrics)};
  // 4. Global norm; a spike is answered with the weights still those before it.
  report.grad_norm = std::sqrt(share.squared_grad_norm);
  const auto spike =
      find_spike(setup_.loop.spikes, state_.recent_losses, report.loss, report.grad_norm);
  if (spike) {
    answer_spike(*spike + origin_text(share), batches);
    return std::nullopt;
  }
  // 5. Learning rate for this step, update, zero.
  const int64_t step = state_.step + 1;
  const auto& optim = setup_.loop.optim;
  report.lr = optim.lr * optim::schedule_factor(optim.schedule, step, setup_.total_steps);
  optimizer_.step(step - state_.first_optimizer_step, report.lr,
                  optimizer_.clip_scale(report.grad_norm));
  reducer_->collect_weights();
  store_.zero_gradients();

  state_.step = step;
  state_.tokens += share.tokens;
  state_.next_row = loader_.state();
  remember_loss(setup_.loop.spikes, report.loss, state_.recent_losses);
  skips_in_a_row_ = 0;
  interval_tokens_ += share.tokens;
  last_step_ = report;
  return report;
}

std::vector<data::Batch> Trainer::next_batches() {
  std::vector<data::Batch> batches = loader_.next_step();
  for (data::Batch& batch : batches) batch.noise_key = noise_key(setup_.loop, state_.step + 1);
  return batches;
}

std::vector<double> Trainer::term_scales(const std::vector<data::Batch>& batches) {
  const auto terms = setup_.objective->terms();
  std::vector<double> weights(terms.size(), 0);
  for (const auto& batch : batches) {
    const auto own = setup_.objective->weights(batch);
    for (size_t i = 0; i < terms.size(); ++i) weights[i] += own[i];
  }
  std::vector<double> scales = join_sums(*setup_.group, weights, "weights of the step");
  for (size_t i = 0; i < terms.size(); ++i)
    scales[i] = scales[i] > 0 ? terms[i].coefficient / scales[i] : 0;
  return scales;
}

StepShare Trainer::accumulate(const std::vector<data::Batch>& batches) {
  const std::vector<double> scales = term_scales(batches);
  at::Tensor loss = at::zeros({}, at::TensorOptions(store_.device()).dtype(at::kDouble));
  MetricTotals metrics;
  StepShare share;
  reducer_->begin_step(state_.step + 1, static_cast<int64_t>(batches.size()));
  for (size_t i = 0; i < batches.size(); ++i) {
    reducer_->begin_micro_batch();
    const auto result =
        setup_.objective->compute(*setup_.model, batches[i].to(store_.device()), scales);
    torch::autograd::backward({result.root}, {result.root_gradient});
    reducer_->end_micro_batch();
    for (size_t term = 0; term < scales.size(); ++term)
      loss += result.term_sums[term].to(at::kDouble) * scales[term];
    metrics.add(result.metrics);
    share.tokens += batches[i].num_tokens();
  }
  reducer_->finish_step();
  // Without shards every rank has the whole norm.
  if (reducer_->is_sharded() || is_first_rank())
    share.squared_grad_norm = optimizer_.squared_grad_norm().item<double>();
  share.loss = loss.item<double>();
  share.metrics = metrics.sums();
  return share;
}

void Trainer::record_step(const StepReport& report, bool is_interim) {
  recorded_step_ = state_.step;
  const double seconds = interval_.restart();
  state_.seconds += seconds;
  // 0 right after an evaluation, which began a new interval: the last rate still stands.
  if (interval_tokens_ > 0) tokens_per_second_ = static_cast<double>(interval_tokens_) / seconds;
  interval_tokens_ = 0;
  const double mfu =
      setup_.peak_flops > 0 ? tokens_per_second_ * setup_.flops_per_token / setup_.peak_flops : NAN;
  const auto memory = tensor::memory_stats(store_.device());
  MetricsRecord record{state_.step, false, is_interim, {{"loss", report.loss}}};
  record.values.insert(record.values.end(), report.metrics.begin(), report.metrics.end());
  const std::vector<std::pair<std::string, double>> common = {
      {"lr", report.lr},
      {"grad_norm", report.grad_norm},
      {"tokens", static_cast<double>(state_.tokens)},
      {"epoch", loader_.epoch()},
      {"tokens_per_second", tokens_per_second_},
      {"mfu", mfu},
      {"peak_memory_mib", static_cast<double>(memory.peak_bytes >> 20)},
      {"seconds", state_.seconds}};
  record.values.insert(record.values.end(), common.begin(), common.end());
  emit(record);
}

void Trainer::evaluate() {
  if (setup_.on_event) setup_.on_event({"evaluating", state_.step, ""});
  state_.seconds += interval_.restart();
  std::vector<std::pair<std::string, double>> values;
  if (setup_.validation_rows != nullptr) {
    const ValidationResult validation =
        evaluate_rows(*setup_.model, *setup_.objective, *setup_.validation_rows,
                      {.rows_per_batch = setup_.loop.micro_batch_rows,
                       .max_rows = setup_.loop.eval.max_rows,
                       .group = setup_.group});
    values = validation.values;
    if (setup_.record_samples) setup_.record_samples(state_.step, validation.samples);
    last_eval_loss_ = values.front().second;
  }
  ask_gate(values);
  compare_with_first(values);
  if (!values.empty()) emit({state_.step, true, false, values});
  if (setup_.validation_rows != nullptr) judge(values);
  interval_.restart();
  interval_tokens_ = 0;
}

// The best evaluation so far, and how long ago it was.
void Trainer::judge(const std::vector<std::pair<std::string, double>>& values) {
  const std::string& metric = setup_.loop.eval.best_metric;
  const double value = find_value(values, metric);
  const bool better = !state_.best_eval || (is_larger_better(metric) ? value > *state_.best_eval
                                                                     : value < *state_.best_eval);
  state_.evals_without_progress = better ? 0 : state_.evals_without_progress + 1;
  if (!better) return;
  state_.best_eval = value;
  state_.best_step = state_.step;
  if (setup_.loop.checkpoint.keep_best && state_.step > 0) save_checkpoint();
}

void Trainer::ask_gate(std::vector<std::pair<std::string, double>>& values) {
  if (!setup_.gate.perplexity) return;
  const double perplexity =
      value_of_first_rank(*setup_.group, setup_.gate.perplexity, kBasePerplexity);
  values.emplace_back(kBasePerplexity, perplexity);
  state_.last_perplexity = perplexity;
  const auto first = state_.first_eval.find(kBasePerplexity);
  if (first == state_.first_eval.end() || !is_forgotten(perplexity, first->second)) return;
  core::log_warn(
      "forgetting: perplexity of the base texts is {:.4g} at step {}, {:.1f} % above the {:.4g} "
      "before the run (limit {:.1f} %)",
      perplexity, state_.step, 100 * (perplexity / first->second - 1), first->second,
      100 * setup_.gate.max_increase);
}

// NLL drift: how much worse the model became at what it is given as an example.
void Trainer::compare_with_first(std::vector<std::pair<std::string, double>>& values) {
  if (state_.step == 0) state_.first_eval = {values.begin(), values.end()};
  const auto first = state_.first_eval.find("eval_nll_loss");
  if (first == state_.first_eval.end()) return;
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i].first == first->first)
      values.emplace_back("eval_nll_drift", values[i].second - first->second);
  }
}

void Trainer::save_checkpoint() { saver_->save(state_); }

void Trainer::finish_saving() {
  setup_.group->set_step(0);
  save_checkpoint();
  saver_->wait();
}

// Under shards a rank writes what it alone has; else all ranks share the work.
std::vector<tensor::ArenaRange> Trainer::ranges_to_save() const {
  if (reducer_->is_sharded()) return store_.moment_ranges();
  const auto own =
      dist::shard_range(store_.arena_numel(), setup_.group->size(), setup_.group->rank());
  return {{own.begin, own.size()}};
}

void Trainer::emit(const MetricsRecord& record) {
  for (MetricsSink* sink : setup_.sinks) sink->record(record);
}

bool Trainer::is_due(int64_t every_steps) const {
  return state_.step == setup_.total_steps || (every_steps > 0 && state_.step % every_steps == 0);
}

bool Trainer::out_of_patience() const {
  return setup_.loop.eval.patience > 0 &&
         state_.evals_without_progress >= setup_.loop.eval.patience;
}

bool Trainer::is_forgotten(double perplexity, double first) const {
  return !(perplexity <= first * (1 + setup_.gate.max_increase));
}

bool Trainer::beyond_gate() const {
  if (setup_.gate.action != GateAction::kStop || !state_.last_perplexity) return false;
  const auto first = state_.first_eval.find(kBasePerplexity);
  return first != state_.first_eval.end() && is_forgotten(*state_.last_perplexity, first->second);
}

}  // namespace llm::train
