#include "llmchat/chat_options.h"

#include <fmt/format.h>

#include "common/validators.h"
#include "llm/core/error.h"
#include "llm/io/config_json.h"

namespace llm::apps {
namespace {

struct SamplingFlag {
  const char* name;
  const char* key;  // of generate::SamplingConfig
  const char* help;
};
constexpr SamplingFlag kSamplingFlags[] = {
    {"--temp", "temperature", "divides the logits; 0: always the likeliest token"},
    {"--top-k", "top_k", "only the k likeliest tokens; 0: all"},
    {"--top-p", "top_p", "only the likeliest tokens that reach this probability; 1: all"},
    {"--min-p", "min_p", "only tokens with this share of the likeliest one's probability; 0: all"},
    {"--repeat-penalty", "repeat_penalty", "divides the logits of recent tokens; 1: off"},
    {"--presence-penalty", "presence_penalty", "subtracted once for a recent token"},
    {"--frequency-penalty", "frequency_penalty", "subtracted for every recent occurrence"},
    {"--repeat-last-n", "repeat_last_n", "tokens that count as recent; -1: all"},
    {"--seed", "seed", "same seed, same text (default: a new one every time)"}};

void add_conversation_options(CLI::App& command, ChatOptions& options) {
  CLI::Option* system = command.add_option("--system", options.system, "system prompt");
  command.add_option("--system-file", options.system_file, "system prompt from a text file")
      ->type_name("FILE")
      ->excludes(system);
  command.add_option("--load", options.load, "go on with a conversation that /save wrote")
      ->type_name("FILE");
  command
      .add_option("--template", options.chat_template,
                  "chatml, llama2, llama3, mistral, zephyr, alpaca, plain, or a Jinja file "
                  "[the model's own]")
      ->type_name("NAME|FILE");
}

// An error names the flag alone, which says as much as the setting it stands for.
void set_flag(const SamplingFlag& flag, const std::string& value, chat::ChatSettings& settings) {
  core::ConfigNode given;
  given.kind = core::ConfigNode::Kind::kObject;
  io::apply_override(given, fmt::format("{}={}", flag.key, value));
  try {
    core::parse_config(given, settings);
  } catch (const core::ConfigError& error) {
    core::ErrorInfo info = error.info();
    info.where = flag.name;
    throw core::ConfigError(info);
  }
}

}  // namespace

void add_chat_options(CLI::App& command, ChatOptions& options) {
  command
      .add_option("--model,-m", options.model, "model, checkpoint or run directory, or GGUF file")
      ->type_name("PATH")
      ->required();
  command.add_option("--prompt,-p", options.prompt,
                     "answer this and leave; -: all of stdin, less one newline at its end");
  add_conversation_options(command, options);
  for (const SamplingFlag& flag : kSamplingFlags) {
    command.add_option(flag.name, options.sampling[flag.name], flag.help)->type_name("NUMBER");
  }
  command
      .add_option("--max-tokens", options.max_tokens, "longest reply (default: the model's, 512)")
      ->check(whole_number(1));
  command.add_option("--context", options.context,
                     "tokens the conversation may hold (default: the model's, at most 4096)");
  command.add_option("--stop", options.stop, "a text that ends the reply; may be given many times")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->check(valid_utf8());
}

chat::ChatSettings with_flags(chat::ChatSettings settings, const ChatOptions& options) {
  for (const SamplingFlag& flag : kSamplingFlags) {
    const std::string& value = options.sampling.at(flag.name);
    if (value.empty()) continue;
    set_flag(flag, value, settings);
  }
  if (options.max_tokens) settings.max_tokens = options.max_tokens;
  if (!options.stop.empty()) settings.stop = options.stop;
  return settings;
}

}  // namespace llm::apps
