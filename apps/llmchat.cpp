// llmchat: talks with a model in the terminal, or answers once for scripts.
#include "common/torch_errors.h"
#include "llmchat/chat_options.h"
#include "llmchat/conversation.h"

namespace llm::apps {
namespace {

constexpr const char* kLlmchatExamples =
    "  llmchat --model runs/small                          a conversation\n"
    "  llmchat --model DIR -p \"Why is the sky blue?\"       the reply alone on stdout\n"
    "  llmchat --model X.gguf -p \"What is a cat?\" --temp 0  any Llama or Qwen GGUF\n"
    "  llmchat --model DIR -p - --json < question.txt      prompt from stdin, statistics as JSON\n"
    "  llmchat --model DIR < questions.txt                 one reply for every line\n"
    "  llmchat --model DIR --load talk.json                goes on where /save left\n"
    "  llmchat --model DIR -p \"Once\" --temp 0 --max-tokens 50 --stop \"THE END\"\n";

}  // namespace
}  // namespace llm::apps

int main(int argc, char** argv) {
  using namespace llm::apps;  // NOLINT: this is the program
  Program program("llmchat", "Talks with a language model", Program::Devices::kChoice);
  program.translate_errors(translate_torch_error);
  ChatOptions options;
  CLI::App& command = program.set_main(
      kLlmchatExamples, [&options](const GlobalOptions& global) { run_chat(options, global); });
  add_chat_options(command, options);
  return program.run(argc, argv);
}
