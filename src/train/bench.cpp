#include "llm/train/bench.h"

#include <cmath>

#include <fmt/format.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>

#include "llm/arch/parameters.h"
#include "llm/core/clock.h"
#include "llm/core/error.h"
#include "llm/core/rng.h"
#include "llm/data/batch.h"
#include "llm/nn/init.h"
#include "llm/objectives/nll.h"
#include "llm/optim/adamw.h"
#include "llm/optim/gradient_reducer.h"
#include "llm/tensor/memory_stats.h"
#include "llm/tensor/paged_memory.h"
#include "train/rank_exchange.h"

namespace llm::train {

namespace {

data::Row random_row(int64_t context, int64_t vocab_size, core::PhiloxStream& random) {
  data::Row row;
  for (int64_t i = 0; i < context; ++i) {
    row.ids.push_back(static_cast<int32_t>(random.next_below(static_cast<uint64_t>(vocab_size))));
  }
  row.targets.assign(row.ids.begin() + 1, row.ids.end());
  row.targets.push_back(data::kIgnoreTarget);
  row.document_lengths = {static_cast<int32_t>(context)};
  row.document_ids = {0};
  return row;
}

data::Batch random_batch(const RunConfig& config, int64_t vocab_size, core::PhiloxStream& random) {
  std::vector<data::Row> rows;
  for (int64_t i = 0; i < config.train.micro_batch_rows; ++i) {
    rows.push_back(random_row(config.data.context_length, vocab_size, random));
  }
  return data::collate(rows, config.train.micro_batch_rows);
}

// One step of the trainer on random micro-batches; returns the loss.
class BenchStep {
 public:
  BenchStep(const RunConfig& config, nn::CausalLM& model, const BenchOptions& options)
      : config_(config),
        model_(model),
        group_(*options.group),
        batch_(plan_batch(config)),
        optimizer_(model.store(), config.optim),
        reducer_(optim::make_gradient_reducer(model.store(), group_, config.dist.reduction(),
                                              batch_.micro_batches)),
        random_(1 + static_cast<uint64_t>(group_.rank())) {
    model_.set_backward_observer({.layer_begins = [this](int64_t layer) { layer_begins(layer); },
                                  .layer_done = [this](int64_t layer) { layer_done(layer); }});
  }
  ~BenchStep() { model_.set_backward_observer({}); }

  double run(StepTrace* trace) {
    trace_ = trace;
    ++step_;
    const std::vector<data::Batch> batches = next_batches();
    double weight = 0;
    for (const auto& batch : batches) weight += objective_.weights(batch).front();
    weight = join_sums(group_, {weight}, "weights of the step").front();
    const StepShare share = join_shares(group_, accumulate(batches, weight));
    update(std::sqrt(share.squared_grad_norm));
    return share.loss;
  }

 private:
  std::vector<data::Batch> next_batches() {
    std::vector<data::Batch> batches;
    for (int64_t i = group_.rank(); i < batch_.micro_batches; i += group_.size()) {
      batches.push_back(
          random_batch(config_, model_.config().vocab_size, random_).to(model_.store().device()));
    }
    return batches;
  }

  StepShare accumulate(const std::vector<data::Batch>& batches, double weight) {
    StepShare share;
    reducer_->begin_step(step_, static_cast<int64_t>(batches.size()));
    for (const auto& batch : batches) {
      reducer_->begin_micro_batch();
      const objectives::Result result = forward(batch, weight);
      backward(result);
      share.loss += result.term_sums.front().item<double>() / weight;
      reducer_->end_micro_batch();
    }
    const StepTrace::Scope scope(trace_, "wait for gradients");
    reducer_->finish_step();
    if (reducer_->is_sharded() || group_.rank() == 0)
      share.squared_grad_norm = optimizer_.squared_grad_norm().item<double>();
    return share;
  }

  objectives::Result forward(const data::Batch& batch, double weight) {
    const StepTrace::Scope scope(trace_, "forward");
    return objective_.compute(model_, batch, std::vector<double>{1 / weight});
  }

  void backward(const objectives::Result& result) {
    const StepTrace::Scope scope(trace_, kBackwardSpan);
    torch::autograd::backward({result.root}, {result.root_gradient});
  }

  void update(double norm) {
    const StepTrace::Scope scope(trace_, "update");
    optimizer_.step(step_, config_.optim.lr, optimizer_.clip_scale(norm));
    reducer_->collect_weights();
    model_.store().zero_gradients();
  }

  void layer_begins(int64_t layer) {
    {
      const StepTrace::Scope scope(trace_, kBufferSpan);
      reducer_->layer_begins(layer);
    }
    layer_began_ = std::chrono::steady_clock::now();
  }

  void layer_done(int64_t layer) {
    if (trace_ != nullptr) {
      trace_->add({.name = fmt::format("backward of layer {}", layer),
                   .begin = layer_began_,
                   .end = std::chrono::steady_clock::now()});
    }
    reducer_->layer_done(layer);
  }

  const RunConfig& config_;
  nn::CausalLM& model_;
  dist::ProcessGroup& group_;
  BatchPlan batch_;
  objectives::NllObjective objective_;
  optim::AdamW optimizer_;
  std::unique_ptr<optim::GradientReducer> reducer_;
  core::PhiloxStream random_;
  StepTrace* trace_ = nullptr;
  TraceSpan::Time layer_began_;
  int64_t step_ = 0;
};

// What all ranks have sent since `before`.
void add_traffic(BenchResult& result, dist::ProcessGroup& group, const dist::Traffic& before) {
  const dist::Traffic now = group.traffic();
  const std::vector<double> sums =
      join_sums(group,
                {static_cast<double>(now.gradient.bytes_sent - before.gradient.bytes_sent),
                 static_cast<double>(now.parameter.bytes_sent - before.parameter.bytes_sent),
                 static_cast<double>(now.control.bytes_sent - before.control.bytes_sent)},
                "traffic");
  result.gradient_bytes = static_cast<int64_t>(sums[0]);
  result.parameter_bytes = static_cast<int64_t>(sums[1]);
  result.control_bytes = static_cast<int64_t>(sums[2]);
}

void check_options(const BenchOptions& options) {
  if (options.steps < 1) {
    throw core::ConfigError(
        {"steps", "at least 1 measured step", std::to_string(options.steps), "Set 1 or more"});
  }
  if (options.warmup_steps < 0) {
    throw core::ConfigError({"warmup_steps", "a number of steps",
                             std::to_string(options.warmup_steps), "Set 0 or more"});
  }
}

}  // namespace

BenchResult bench_training(const RunConfig& config, const arch::ModelConfig& model_config,
                           const BenchOptions& options) {
  check_options(options);
  const BatchPlan batch = plan_batch(config);
  tensor::use_paged_memory(config.train.release_memory ? tensor::PagePolicy::kRelease
                                                       : tensor::PagePolicy::kKeep);
  tensor::ParameterStore store(
      arch::parameter_specs(model_config),
      {.device = options.device, .release_gradients = config.train.release_memory});
  nn::initialize(store, model_config, static_cast<uint64_t>(config.train.seed),
                 config.model.scale_residual_init);
  optim::allocate_training_state(store, *options.group, config.dist.reduction());
  nn::CausalLM model(model_config, store);
  model.set_recompute(config.train.recompute);
  BenchStep step(config, model, options);

  BenchResult result;
  const int64_t total = options.warmup_steps + options.steps;
  dist::Traffic before = options.group->traffic();
  for (int64_t i = 0; i < total; ++i) {
    const bool is_measured = i >= options.warmup_steps;
    if (i == options.warmup_steps) {
      before = options.group->traffic();
      if (options.trace != nullptr) options.trace->clear();
    }
    const core::Stopwatch watch;
    result.last_loss = step.run(is_measured ? options.trace : nullptr);
    if (i == 0) result.first_loss = result.last_loss;
    if (is_measured) result.step_seconds.push_back(watch.seconds());
    if (options.on_step) options.on_step(i + 1, total);
  }
  add_traffic(result, *options.group, before);
  std::vector<double> sorted = result.step_seconds;
  std::sort(sorted.begin(), sorted.end());
  result.median_seconds = sorted[sorted.size() / 2];
  result.tokens_per_step = batch.tokens_per_step;
  result.num_parameters = arch::num_parameters(model_config);
  result.tokens_per_second = static_cast<double>(result.tokens_per_step) / result.median_seconds;
  result.flops_per_second =
      result.tokens_per_second *
      arch::train_flops_per_token(model_config, static_cast<double>(config.data.context_length));
  result.peak_memory_bytes = tensor::memory_stats(options.device).peak_bytes;
  return result;
}

}  // namespace llm::train
