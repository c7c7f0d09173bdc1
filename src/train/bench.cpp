#include "llm/train/bench.h"

#include <cmath>

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
#include "llm/tensor/memory_stats.h"
#include "llm/tensor/paged_memory.h"

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
  BenchStep(const RunConfig& config, nn::CausalLM& model)
      : config_(config),
        model_(model),
        batch_(plan_batch(config)),
        optimizer_(model.store(), config.optim),
        random_(1) {}

  double run() {
    std::vector<data::Batch> batches;
    double weight = 0;
    for (int64_t i = 0; i < batch_.micro_batches; ++i) {
      batches.push_back(
          random_batch(config_, model_.config().vocab_size, random_).to(model_.store().device()));
      weight += objective_.weights(batches.back()).front();
    }
    const std::vector<double> scales{1 / weight};
    double loss = 0;
    for (const auto& batch : batches) {
      const auto result = objective_.compute(model_, batch, scales);
      torch::autograd::backward({result.root}, {result.root_gradient});
      loss += result.term_sums.front().item<double>() / weight;
    }
    const double norm = std::sqrt(optimizer_.squared_grad_norm().item<double>());
    optimizer_.step(++step_, config_.optim.lr, optimizer_.clip_scale(norm));
    model_.store().zero_gradients();
    return loss;
  }

 private:
  const RunConfig& config_;
  nn::CausalLM& model_;
  BatchPlan batch_;
  objectives::NllObjective objective_;
  optim::AdamW optimizer_;
  core::PhiloxStream random_;
  int64_t step_ = 0;
};

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
  store.allocate_gradients();
  store.allocate_moments();
  nn::CausalLM model(model_config, store);
  model.set_recompute(config.train.recompute);
  BenchStep step(config, model);

  BenchResult result;
  const int64_t total = options.warmup_steps + options.steps;
  for (int64_t i = 0; i < total; ++i) {
    const core::Stopwatch watch;
    result.last_loss = step.run();
    if (i == 0) result.first_loss = result.last_loss;
    if (i >= options.warmup_steps) result.step_seconds.push_back(watch.seconds());
    if (options.on_step) options.on_step(i + 1, total);
  }
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
