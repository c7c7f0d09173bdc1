// Training data: text files to token shards, and what is in them.
#include "llmdata/commands.h"

int main(int argc, char** argv) {
  llm::apps::Program program("llmdata", "Prepares training data");
  llm::apps::add_prepare_command(program);
  llm::apps::add_stats_command(program);
  llm::apps::add_show_command(program);
  return program.run(argc, argv);
}
