#include "llm/train/tune_config.h"

#include <fmt/format.h>

#include "llm/core/error.h"
#include "train/webhook_url.h"

namespace llm::train {

const std::vector<std::pair<BaseDtype, std::string>>& config_enum_names(BaseDtype) {
  static const std::vector<std::pair<BaseDtype, std::string>> names = {
      {BaseDtype::kFloat32, "float32"},
      {BaseDtype::kBFloat16, "bfloat16"},
      {BaseDtype::kStored, "stored"}};
  return names;
}

const std::vector<std::pair<NllScope, std::string>>& config_enum_names(NllScope) {
  static const std::vector<std::pair<NllScope, std::string>> names = {
      {NllScope::kFull, "full"}, {NllScope::kCompletion, "completion"}};
  return names;
}

const std::vector<std::pair<GateAction, std::string>>& config_enum_names(GateAction) {
  static const std::vector<std::pair<GateAction, std::string>> names = {
      {GateAction::kStop, "stop"}, {GateAction::kWarn, "warn"}};
  return names;
}

namespace {

void validate_data(const TuneConfig& config) {
  const TuneDataSection& data = config.data;
  if (data.train.empty()) {
    throw core::ConfigError({"data.train", "at least one source", "none",
                             "Write \"train\": [{\"paths\": [\"rows.jsonl\"]}]"});
  }
  if ((data.replay_fraction > 0) == data.replay.empty()) {
    throw core::ConfigError({"data.replay", "a folder and a replay_fraction above 0, or neither",
                             data.replay.empty() ? "a fraction alone" : "a folder alone",
                             "Set both; llmdata prepare makes the folder"});
  }
  if (data.packing == data::Packing::kWrapped && data.encode.max_length == 0 &&
      data.row_tokens == 0) {
    throw core::ConfigError({"data.packing", "a row length for wrapped rows", "none",
                             "Set data.max_length or data.row_tokens"});
  }
}

void validate_length(const TuneConfig& config) {
  const auto& train = config.train;
  const int lengths = (train.max_steps > 0) + (train.epochs > 0);
  if (lengths == 1) return;
  throw core::ConfigError({"train", "one of train.max_steps and train.epochs above 0",
                           lengths == 0 ? "neither" : "both",
                           "Set the one that says how long to train"});
}

void validate_evaluation(const TuneConfig& config) {
  const auto& eval = config.eval;
  if (eval.patience > 0 && (eval.every_steps == 0 || config.data.validation.empty())) {
    throw core::ConfigError(
        {"eval.patience", "eval.every_steps above 0 and data.validation",
         config.data.validation.empty() ? "no validation data" : "validation at the end only",
         "Set them, or eval.patience to 0"});
  }
  if (!config.gate.texts.empty() && !eval.at_start) {
    throw core::ConfigError({"gate.texts", "eval.at_start true", "false",
                             "The gate compares with the perplexity before the first step"});
  }
}

}  // namespace

void validate(const TuneConfig& config) {
  if (config.model.path.empty()) {
    throw core::ConfigError({"model.path", "the model to start from", "nothing",
                             "Name a model directory, a run or a .gguf file"});
  }
  validate_data(config);
  validate_length(config);
  validate_evaluation(config);
  if (!config.log.webhook.empty()) parse_webhook_url(config.log.webhook);
}

}  // namespace llm::train
