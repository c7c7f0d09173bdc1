#include "train/opened_run.h"

#include "llm/core/error.h"
#include "llm/core/log.h"
#include "llm/train/plan.h"

namespace llm::train {

namespace {

uint64_t file_bytes(const corpus::PreparedDataset& dataset) {
  uint64_t bytes = 0;
  for (const auto* split : {&dataset.train, &dataset.validation}) {
    for (const auto& shard : split->shards) bytes += shard.file_bytes;
  }
  return bytes;
}

data::TokenDataset::Options row_options(const RunConfig& config, const RunInputs& inputs) {
  return {.context_length = config.data.context_length,
          .tokenizer_fingerprint = inputs.tokenizer->fingerprint(),
          .tokenizer_name =
              config.data.tokenizer.empty() ? "in " + config.data.path : config.data.tokenizer};
}

void require_validation_for_patience(const RunConfig& config, const RunInputs& inputs) {
  if (config.eval.patience == 0 || !inputs.dataset.validation.shards.empty()) return;
  throw core::ConfigError({"eval.patience", "prepared data with a validation split",
                           config.data.path + " without one",
                           "Prepare the data with --validation-fraction, or set eval.patience to "
                           "0"});
}

}  // namespace

OpenedRun open_run(const RunConfig& config, const SessionOptions& options) {
  RunInputs inputs = read_inputs(config);
  const BatchPlan batch = plan_batch(config);
  require_validation_for_patience(config, inputs);
  if (const auto warning = context_length_warning(config, inputs.model))
    core::log_warn("{}", *warning);

  const uint64_t total = file_bytes(inputs.dataset);
  uint64_t done = 0;
  auto rows = row_options(config, inputs);
  rows.shards = inputs.dataset.train.paths();
  rows.on_verified = [&](uint64_t bytes) {
    done += bytes;
    if (options.on_verify) options.on_verify(done, total);
  };
  auto validation_rows = rows;
  validation_rows.shards = inputs.dataset.validation.paths();
  validation_rows.hint_when_short =
      "Set a smaller data.context_length, or set more aside with llmdata prepare "
      "--validation-fraction (0: train without validation)";

  data::TokenDataset train(rows);
  std::optional<data::TokenDataset> validation;
  if (!validation_rows.shards.empty()) validation.emplace(validation_rows);
  const int64_t steps = total_steps(config, batch, train.num_rows());
  return {std::move(inputs), batch, std::move(train), std::move(validation), steps};
}

}  // namespace llm::train
