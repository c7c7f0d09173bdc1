#include <fmt/format.h>

#include <memory>

#include "llm/core/error.h"
#include "llm/io/config_json.h"
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

void print_schema() {
  io::OrderedJson schema = io::to_json(core::config_schema(train::RunConfig{}));
  fmt::print("{}\n", io::dump_json(schema, 2));
}

// JSON proper has no comments.
void print_config(const GlobalOptions& global) {
  if (!global.json) {
    fmt::print("{}", kPretrainConfig);
    return;
  }
  const core::ConfigNode config = io::parse_config_json(kPretrainConfig, "init-config");
  fmt::print("{}\n", io::dump_json(io::to_json(config)));
}

}  // namespace

void add_schema_command(Program& program) {
  program.add_command("schema", "Print the JSON Schema of run configs, for editors",
                      "  llmtrain schema > run.schema.json",
                      [](const GlobalOptions&) { print_schema(); });
}

void add_init_config_command(Program& program) {
  auto objective = std::make_shared<std::string>();
  CLI::App& app = program.add_command("init-config", "Print a commented run config to start from",
                                      "  llmtrain init-config pretrain > run.json",
                                      [](const GlobalOptions& global) { print_config(global); });
  app.add_option("objective", *objective, "pretrain")
      ->required()
      ->check(CLI::IsMember({"pretrain"}));
}

}  // namespace llm::apps
