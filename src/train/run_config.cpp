#include "llm/train/run_config.h"

#include <cmath>
#include <limits>

#include "llm/core/arith.h"
#include "llm/core/error.h"
#include "train/webhook_url.h"

namespace llm::nn {

const std::vector<std::pair<RecomputePolicy, std::string>>& config_enum_names(RecomputePolicy) {
  static const std::vector<std::pair<RecomputePolicy, std::string>> names{
      {RecomputePolicy::kSelective, "selective"}, {RecomputePolicy::kBlock, "block"}};
  return names;
}

}  // namespace llm::nn

namespace llm::train {

const std::vector<std::pair<SpikeAction, std::string>>& config_enum_names(SpikeAction) {
  static const std::vector<std::pair<SpikeAction, std::string>> names = {
      {SpikeAction::kNone, "none"},
      {SpikeAction::kStop, "stop"},
      {SpikeAction::kSkip, "skip"},
      {SpikeAction::kRollback, "rollback"}};
  return names;
}

void validate(const RunConfig& config) {
  if (config.model.config.empty() == config.model.init_from.empty()) {
    throw core::ConfigError(
        {"model", "exactly one of model.config and model.init_from",
         config.model.config.empty() ? "neither" : "both",
         "config starts a new model, init_from continues from existing weights"});
  }
  const auto& train = config.train;
  const int lengths = (train.max_steps > 0) + (train.max_tokens > 0) + (train.epochs > 0);
  if (lengths != 1) {
    throw core::ConfigError(
        {"train", "exactly one of train.max_steps, train.max_tokens and train.epochs above 0",
         fmt::format("{} of them", lengths), "Set the one that says how long to train"});
  }
  if (config.eval.patience > 0 && config.eval.every_steps == 0) {
    throw core::ConfigError({"eval.patience", "eval.every_steps above 0",
                             "validation at the end only",
                             "Set eval.every_steps, or eval.patience to 0"});
  }
  if (!config.log.webhook.empty()) parse_webhook_url(config.log.webhook);
}

namespace {

// Positions and document borders of a micro-batch are 32-bit numbers.
constexpr int64_t kMostMicroBatchTokens = std::numeric_limits<int32_t>::max();
// No sum or product of a run's counts overflows below it.
constexpr double kMostRunTokens = 0x1p60;

int64_t micro_batch_tokens(const RunConfig& config) {
  const int64_t rows = config.train.micro_batch_rows, context = config.data.context_length;
  if (rows <= kMostMicroBatchTokens / context) return rows * context;
  throw core::ConfigError(
      {"train.micro_batch_rows",
       fmt::format("micro_batch_rows x context_length of at most {}", kMostMicroBatchTokens),
       fmt::format("{} x {}", rows, context), "Lower train.micro_batch_rows"});
}

int64_t checked_steps(double steps, const BatchPlan& batch) {
  if (steps * static_cast<double>(batch.tokens_per_step) <= kMostRunTokens) {
    return std::max<int64_t>(1, std::llround(steps));
  }
  throw core::ConfigError({"train", fmt::format("a run of at most {:.3g} tokens", kMostRunTokens),
                           fmt::format("{:.3g} steps of {} tokens", steps, batch.tokens_per_step),
                           "Set a shorter length"});
}

}  // namespace

BatchPlan plan_batch(const RunConfig& config) {
  const int64_t micro = micro_batch_tokens(config);
  if (config.train.batch_tokens % micro != 0) {
    const int64_t below = config.train.batch_tokens / micro * micro;
    throw core::ConfigError(
        {"train.batch_tokens",
         fmt::format("a multiple of {} = micro_batch_rows {} x context_length {}", micro,
                     config.train.micro_batch_rows, config.data.context_length),
         std::to_string(config.train.batch_tokens),
         below > 0 ? fmt::format("Set {} or {}", below, below + micro)
                   : fmt::format("Set {}", micro)});
  }
  const int64_t micro_batches = config.train.batch_tokens / micro;
  return {micro_batches * config.train.micro_batch_rows, micro_batches, config.train.batch_tokens};
}

LoopConfig loop_config(const RunConfig& config, const BatchPlan& batch) {
  return {.optim = config.optim,
          .seed = static_cast<uint64_t>(config.train.seed),
          .micro_batch_rows = config.train.micro_batch_rows,
          .micro_batches = batch.micro_batches,
          .log_every_steps = config.log.every_steps,
          .reduction = config.dist.reduction(),
          .spikes = config.spikes,
          .checkpoint = config.checkpoint,
          .max_file_bytes = config.checkpoint.max_file_bytes(),
          .eval = {config.eval}};
}

int64_t total_steps(const RunConfig& config, const BatchPlan& batch, int64_t num_rows) {
  const auto& train = config.train;
  if (train.max_steps > 0) return checked_steps(static_cast<double>(train.max_steps), batch);
  if (train.max_tokens > 0) {
    const int64_t steps = core::div_ceil(train.max_tokens, batch.tokens_per_step);
    return checked_steps(static_cast<double>(steps), batch);
  }
  if (num_rows == 0) {
    throw core::ConfigError({"train.epochs", "prepared data to count the passes over", "none",
                             "Set data.path, or train.max_steps instead of train.epochs"});
  }
  const double rows = train.epochs * static_cast<double>(num_rows);
  return checked_steps(rows / static_cast<double>(batch.rows_per_step), batch);
}

namespace {

bool starts_with_any(const std::string& key, std::initializer_list<const char*> prefixes) {
  for (const char* prefix : prefixes) {
    if (key.starts_with(prefix)) return true;
  }
  return false;
}

}  // namespace

ResumeDifferences compare_for_resume(const core::ConfigNode& saved, const core::ConfigNode& now) {
  ResumeDifferences result;
  for (const auto& difference : core::diff_config(saved, now)) {
    if (starts_with_any(difference.key, {"checkpoint.", "eval.", "log.", "dist.zero",
                                         "dist.timeout_seconds", "dist.grace_seconds"})) {
      continue;
    }
    // Paths may move; what lies there is compared by fingerprints.
    const bool noted = starts_with_any(
        difference.key,
        {"optim.", "train.max_", "train.epochs", "train.recompute", "train.release_memory",
         "data.path", "data.tokenizer", "model.init_from", "model.config", "model.path",
         "data.train", "data.validation", "data.cache", "gate.", "dist.", "spikes."});
    (noted ? result.noted : result.refused).push_back(difference);
  }
  return result;
}

}  // namespace llm::train
