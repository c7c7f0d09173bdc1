// The commands of llmtrain, and the options that name a run config.
#pragma once

#include <string>
#include <vector>

#include "common/program.h"
#include "llm/train/run_config.h"

namespace llm::apps {

void add_pretrain_command(Program& program);
void add_tune_commands(Program& program);  // sft, orpo, dpo, simpo
void add_checkpoint_command(Program& program);
void add_status_command(Program& program);
void add_plan_command(Program& program);
void add_bench_command(Program& program);
void add_schema_command(Program& program);
void add_init_config_command(Program& program);

// --config F and --set key=value.
struct RunConfigOptions {
  std::string file;
  std::vector<std::string> overrides;

  void add_to(CLI::App& command);
  // The file with the overrides. Throws: ConfigError, IoError.
  core::ConfigNode read_node() const;
  template <class Config>
  Config read() const {
    Config config;
    core::parse_config(read_node(), config);
    return config;
  }
};

}  // namespace llm::apps
