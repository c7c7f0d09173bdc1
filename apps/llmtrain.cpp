// Training: pretraining and tuning runs, what they will cost, how fast this machine is.
#include "common/torch_errors.h"
#include "llmtrain/commands.h"

int main(int argc, char** argv) {
  using namespace llm::apps;
  Program program("llmtrain", "Trains language models", Program::Devices::kChoice);
  program.translate_errors(translate_torch_error);
  add_pretrain_command(program);
  add_tune_commands(program);
  add_checkpoint_command(program);
  add_status_command(program);
  add_plan_command(program);
  add_bench_command(program);
  add_schema_command(program);
  add_init_config_command(program);
  return program.run(argc, argv);
}
