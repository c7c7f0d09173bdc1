// llmchat: talks with a model in the terminal, or answers once for scripts.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <iostream>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/interrupt.h"
#include "common/output.h"
#include "common/program.h"
#include "common/torch_errors.h"
#include "common/validators.h"
#include "llm/chat/chat_session.h"
#include "llm/chat/model_settings.h"
#include "llm/chat/repl.h"
#include "llm/convert/model_directory.h"
#include "llm/core/error.h"
#include "llm/core/log.h"
#include "llm/io/config_json.h"
#include "llm/io/json.h"
#include "llm/tensor/device.h"

namespace llm::apps {
namespace {

constexpr int64_t kDefaultMaxTokens = 512;
constexpr int64_t kDefaultContext = 4096;

constexpr const char* kLlmchatExamples =
    "  llmchat --model runs/small                          a conversation\n"
    "  llmchat --model DIR -p \"Why is the sky blue?\"       the reply alone on stdout\n"
    "  llmchat --model X.gguf -p \"What is a cat?\" --temp 0  any Llama or Qwen GGUF\n"
    "  llmchat --model DIR -p - --json < question.txt      prompt from stdin, statistics as JSON\n"
    "  llmchat --model DIR -p \"Once\" --temp 0 --max-tokens 50 --stop \"THE END\"\n";

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

struct ChatOptions {
  std::string model;
  std::optional<std::string> prompt;
  std::string system;
  std::map<std::string, std::string> sampling;  // by flag name; "" when not given
  std::optional<int64_t> max_tokens, context;
  std::vector<std::string> stop;
};

void add_options(CLI::App& command, ChatOptions& options) {
  command
      .add_option("--model,-m", options.model, "model, checkpoint or run directory, or GGUF file")
      ->type_name("PATH")
      ->required();
  command.add_option("--prompt,-p", options.prompt,
                     "answer this and leave; -: all of stdin, less one newline at its end");
  command.add_option("--system", options.system, "system prompt");
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
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

// Command line over generation_config.json over built-in defaults.
generate::SamplingConfig resolve_sampling(const ChatOptions& options,
                                          const convert::GenerationConfig& hints) {
  generate::SamplingConfig config = chat::sampling_defaults(hints);
  core::ConfigNode given;
  given.kind = core::ConfigNode::Kind::kObject;
  for (const SamplingFlag& flag : kSamplingFlags) {
    const std::string& value = options.sampling.at(flag.name);
    if (value.empty()) continue;
    io::apply_override(given, fmt::format("{}={}", flag.key, value));
    given.find(flag.key)->position = {.source = flag.name};
  }
  core::parse_config(given, config);
  return config;
}

chat::ChatSettings resolve_settings(const ChatOptions& options,
                                    const convert::LoadedModel& loaded) {
  chat::ChatSettings settings;
  settings.system = options.system;
  settings.sampling = resolve_sampling(options, loaded.generation);
  settings.stop.ids = chat::stop_ids(loaded);
  settings.stop.strings = options.stop;
  settings.stop.max_tokens =
      options.max_tokens.value_or(loaded.generation.max_new_tokens.value_or(kDefaultMaxTokens));
  return settings;
}

convert::LoadedModel load(const ChatOptions& options, const GlobalOptions& global) {
  tensor::set_num_threads(global.num_threads);
  convert::LoadOptions load_options;
  load_options.device = tensor::parse_device(global.device);
  if (load_options.device.is_cuda()) load_options.dtype = at::kBFloat16;
  return convert::load_model(options.model, load_options);
}

io::OrderedJson to_json(const generate::Generation& generation, const chat::ChatSession& session) {
  const auto& stats = generation.stats;
  return {{"reply", generation.text},
          {"prompt_tokens", stats.prompt_tokens},
          {"tokens", stats.generated_tokens},
          {"stop_reason", generate::stop_reason_name(generation.stop_reason)},
          {"tokens_per_second", stats.decode_tokens_per_second()},
          {"prompt_tokens_per_second", stats.prefill_tokens_per_second()},
          {"prefill_seconds", stats.prefill_seconds},
          {"decode_seconds", stats.decode_seconds},
          {"seed", generation.seed},
          {"mode", session.has_template() ? "chat" : "completion"}};
}

std::string read_stdin() {
  std::string text(std::istreambuf_iterator<char>(std::cin), {});
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

// Seen at once, or an error: there is no use in a reply that nobody gets.
void print(std::string_view text) {
  write_output(text);
  flush_output();
}

void answer_once(chat::ChatSession& session, const std::string& prompt, bool as_json) {
  const auto reply = session.reply(prompt == "-" ? read_stdin() : prompt, [&](auto text) {
    if (!as_json) print(text);
    return !interrupt_requested();
  });
  const generate::Generation& generation = reply.generation;
  if (!as_json) print("\n");
  if (generation.stop_reason == generate::StopReason::kInterrupted) throw Interrupted{};
  if (as_json) print(to_json(generation, session).dump() + "\n");
  core::log_debug("{} prompt tokens, {} reply tokens, {:.1f} tokens/s, seed {}, stopped by {}",
                  generation.stats.prompt_tokens, generation.stats.generated_tokens,
                  generation.stats.decode_tokens_per_second(), generation.seed,
                  generate::stop_reason_name(generation.stop_reason));
}

void converse(chat::ChatSession& session) {
  const bool is_terminal = ::isatty(STDIN_FILENO) == 1;
  chat::CtrlC ctrl_c;  // ends a reply, as often as one likes
  // The others end the program at once: there is nothing to save.
  for (const int signal : {SIGTERM, SIGHUP}) std::signal(signal, SIG_DFL);
  if (is_terminal) std::cerr << "/help lists the commands, Ctrl-D leaves\n";
  const auto input =
      is_terminal ? chat::make_terminal_input("> ", ctrl_c) : chat::make_stream_input(std::cin);
  chat::run_repl(session, *input, {std::cout, std::cerr, [&] { return ctrl_c.take(); }});
  if (is_terminal) std::cerr << '\n';
}

void run_chat(const ChatOptions& options, const GlobalOptions& global) {
  if (global.json && !options.prompt) {
    throw core::ConfigError({"--json", "-p TEXT beside it", "no -p",
                             "A conversation in the terminal has no machine output"});
  }
  const convert::LoadedModel loaded = load(options, global);
  const int64_t context =
      options.context.value_or(std::min(loaded.config.max_position_embeddings, kDefaultContext));
  const auto model = generate::make_language_model(*loaded.model, context);
  chat::ChatSession session(*model, loaded.tokenizer, loaded.chat_template,
                            resolve_settings(options, loaded));
  if (!session.mode_notice().empty()) core::log_info("{}", session.mode_notice());
  if (options.prompt) {
    answer_once(session, *options.prompt, global.json);
  } else {
    converse(session);
  }
}

}  // namespace
}  // namespace llm::apps

int main(int argc, char** argv) {
  using namespace llm::apps;  // NOLINT: this is the program
  Program program("llmchat", "Talks with a language model", Program::Devices::kChoice);
  program.translate_errors(translate_torch_error);
  ChatOptions options;
  CLI::App& command = program.set_main(
      kLlmchatExamples, [&options](const GlobalOptions& global) { run_chat(options, global); });
  add_options(command, options);
  return program.run(argc, argv);
}
