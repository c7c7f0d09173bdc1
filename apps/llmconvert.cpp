// Models from one form to another, and the proof that nothing was lost on the way.
#include "common/torch_errors.h"
#include "llmconvert/commands.h"

int main(int argc, char** argv) {
  llm::apps::Program program("llmconvert", "Converts and compares models",
                             llm::apps::Program::Devices::kChoice);
  program.translate_errors(llm::apps::translate_torch_error);
  llm::apps::add_import_command(program);
  llm::apps::add_export_command(program);
  llm::apps::add_merge_command(program);
  llm::apps::add_verify_command(program);
  return program.run(argc, argv);
}
