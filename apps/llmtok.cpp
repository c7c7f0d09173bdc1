// Tokenizers: training them, text to ids and back, and what is inside one.
#include "llmtok/commands.h"

int main(int argc, char** argv) {
  llm::apps::Program program("llmtok", "Trains and applies tokenizers");
  llm::apps::add_train_command(program);
  llm::apps::add_encode_command(program);
  llm::apps::add_decode_command(program);
  llm::apps::add_inspect_command(program);
  llm::apps::add_extend_command(program);
  llm::apps::add_render_command(program);
  return program.run(argc, argv);
}
