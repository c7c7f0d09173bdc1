// What a model is worth: perplexity, and logits for comparison with other programs.
#include "common/torch_errors.h"
#include "llmeval/commands.h"

int main(int argc, char** argv) {
  llm::apps::Program program("llmeval", "Measures models", llm::apps::Program::Devices::kChoice);
  program.translate_errors(llm::apps::translate_torch_error);
  llm::apps::add_ppl_command(program);
  llm::apps::add_logits_command(program);
  return program.run(argc, argv);
}
