// Training: pretraining runs, what they will cost, how fast this machine is.
#include "llmtrain/commands.h"

int main(int argc, char** argv) {
  using namespace llm::apps;
  Program program("llmtrain", "Trains language models", Program::Devices::kChoice);
  add_pretrain_command(program);
  add_plan_command(program);
  add_bench_command(program);
  add_schema_command(program);
  add_init_config_command(program);
  return program.run(argc, argv);
}
