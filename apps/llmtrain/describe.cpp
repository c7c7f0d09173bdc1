#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <memory>

#include "common/validators.h"
#include "llm/core/error.h"
#include "llm/io/config_json.h"
#include "llm/train/tune_config.h"
#include "llmtrain/commands.h"

namespace llm::apps {
namespace {

// A first config for a person's own run; every other key has a default.
constexpr const char* kPretrainConfig =
    R"(// A pretraining run. Every key, its range and default: llmtrain pretrain --help-config
{
  "model": {"config": "configs/models/llama-15m.json"},
  "data": {"path": "data/prepared", "context_length": 512},
  "optim": {"lr": 1e-3, "weight_decay": 0.1, "schedule": {"type": "cosine", "warmup_steps": 100}},
  "train": {"max_steps": 2000, "batch_tokens": 16384, "micro_batch_rows": 4},
  "eval": {"every_steps": 200, "max_rows": 128},
  "checkpoint": {"every_steps": 500, "keep_last": 2}
}
)";

// Shared by the tuning commands; {0} is the command, {1} the columns its rows need, {2} its own
// keys.
constexpr const char* kTuneConfig =
    R"(// A run of llmtrain {0}. Every key, its range and default: llmtrain {0} --help-config
{{
  "model": {{"path": "models/base"}},
  "data": {{
    // {1}; llmdata show prints what is made of them
    "train": [{{"paths": ["data/train.jsonl"]}}],
    "validation": [{{"paths": ["data/validation.jsonl"]}}],
    "max_length": 1024
  }},
{2}  "lora": {{"r": 16, "alpha": 32}},  // r 0: every weight is trained, at a tenth of the learning rate
  "optim": {{"lr": 2e-4, "schedule": {{"type": "cosine", "warmup_steps": 10}}}},
  "train": {{"epochs": 1, "batch_rows": 8, "micro_batch_rows": 1}},
  "eval": {{"every_steps": 50}},
  "checkpoint": {{"every_steps": 100, "keep_last": 2}}
}}
)";

struct RunKind {
  std::string name;
  std::function<std::string()> first_config;
  std::function<core::ConfigNode()> schema;
};

template <class Config>
RunKind tune_run_kind(const std::string& name, const std::string& rows, const std::string& own) {
  return {name, [=] { return fmt::format(kTuneConfig, name, rows, own); },
          [] { return core::config_schema(Config{}); }};
}

const std::vector<RunKind>& run_kinds() {
  static const std::string kPairs = "rows with prompt, chosen and rejected";
  static const std::vector<RunKind> kinds = {
      {"pretrain", [] { return std::string(kPretrainConfig); },
       [] { return core::config_schema(train::RunConfig{}); }},
      tune_run_kind<train::SftConfig>(
          "sft", "rows with messages, prompt and completion, instruction and output, or text", ""),
      tune_run_kind<train::OrpoConfig>("orpo", kPairs, "  \"beta\": 0.1,\n"),
      tune_run_kind<train::DpoConfig>("dpo", kPairs, "  \"beta\": 0.1,\n"),
      tune_run_kind<train::SimpoConfig>("simpo", kPairs, "  \"beta\": 2.0,\n  \"gamma\": 1.0,\n")};
  return kinds;
}

const RunKind& run_kind(const std::string& name) {
  return *std::ranges::find(run_kinds(), name, &RunKind::name);
}

std::vector<std::string> run_kind_names() {
  std::vector<std::string> names;
  for (const RunKind& kind : run_kinds()) names.push_back(kind.name);
  return names;
}

void print_schema(const std::string& kind) {
  fmt::print("{}\n", io::dump_json(io::to_json(run_kind(kind).schema()), 2));
}

// JSON proper has no comments.
void print_config(const std::string& kind, const GlobalOptions& global) {
  const std::string text = run_kind(kind).first_config();
  if (!global.json) {
    fmt::print("{}", text);
    return;
  }
  const core::ConfigNode config = io::parse_config_json(text, "init-config");
  fmt::print("{}\n", io::dump_json(io::to_json(config)));
}

}  // namespace

void add_schema_command(Program& program) {
  auto kind = std::make_shared<std::string>("pretrain");
  CLI::App& app = program.add_command(
      "schema", "Print the JSON Schema of run configs, for editors",
      "  llmtrain schema > run.schema.json\n  llmtrain schema sft > sft.schema.json",
      [kind](const GlobalOptions&) { print_schema(*kind); });
  app.add_option("command", *kind, "whose configs: pretrain, sft, orpo, dpo or simpo")
      ->check(one_of(run_kind_names()))
      ->capture_default_str();
}

void add_init_config_command(Program& program) {
  auto kind = std::make_shared<std::string>();
  CLI::App& app = program.add_command(
      "init-config", "Print a commented run config to start from",
      "  llmtrain init-config pretrain > run.json\n  llmtrain init-config sft > sft.json",
      [kind](const GlobalOptions& global) { print_config(*kind, global); });
  app.add_option("command", *kind, "pretrain, sft, orpo, dpo or simpo")
      ->required()
      ->check(one_of(run_kind_names()));
}

}  // namespace llm::apps
