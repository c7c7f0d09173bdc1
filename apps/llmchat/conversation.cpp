#include "llmchat/conversation.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>

#include "common/interrupt.h"
#include "common/output.h"
#include "llm/chat/chat_session.h"
#include "llm/chat/conversation_file.h"
#include "llm/chat/input_history.h"
#include "llm/chat/model_settings.h"
#include "llm/chat/repl.h"
#include "llm/chat/reply_record.h"
#include "llm/chat/template_choice.h"
#include "llm/convert/model_directory.h"
#include "llm/core/error.h"
#include "llm/core/log.h"
#include "llm/io/file.h"
#include "llm/tensor/device.h"
#include "llmchat/about.h"

namespace llm::apps {
namespace {

constexpr int64_t kDefaultMaxTokens = 512;
constexpr int64_t kDefaultContext = 4096;

convert::LoadedModel load(const ChatOptions& options, const GlobalOptions& global) {
  tensor::set_num_threads(global.num_threads);
  convert::LoadOptions load_options;
  load_options.device = tensor::parse_device(global.device);
  if (load_options.device.is_cuda()) load_options.dtype = at::kBFloat16;
  return convert::load_model(options.model, load_options);
}

chat::ChatSettings model_defaults(const convert::LoadedModel& loaded) {
  chat::ChatSettings settings;
  settings.sampling = chat::sampling_defaults(loaded.generation);
  settings.max_tokens = loaded.generation.max_new_tokens.value_or(kDefaultMaxTokens);
  return settings;
}

chat::ChatSession make_session(generate::LanguageModel& model, const convert::LoadedModel& loaded,
                               const ChatOptions& options) {
  const text::Tokenizer& tokenizer = *loaded.tokenizer;
  auto chat_template =
      options.chat_template.empty()
          ? chat::own_template(loaded.chat_template, tokenizer, text::template_origin(loaded.path))
          : chat::choose_template(options.chat_template, tokenizer);
  return {model, loaded.tokenizer, std::move(chat_template), chat::stop_ids(loaded),
          with_flags(model_defaults(loaded), options)};
}

std::string wanted_system(const ChatOptions& options) {
  if (options.system_file.empty()) return options.system;
  std::string text = io::read_file(options.system_file);
  while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
  return text;
}

// Flags win over what was saved.
void begin(chat::ChatSession& session, const ChatOptions& options) {
  if (!options.load.empty()) {
    auto conversation = chat::read_conversation(options.load, session.settings());
    conversation.settings = with_flags(std::move(conversation.settings), options);
    chat::restore(std::move(conversation), session);
  }
  const std::string system = wanted_system(options);
  if (!system.empty()) session.set_system(system);
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

void answer_once(chat::ChatSession& session, const std::string& prompt,
                 const GlobalOptions& global) {
  const auto on_text = [&](std::string_view text) {
    if (!global.json) print(text);
    return !interrupt_requested();
  };
  const auto reply = session.reply(prompt == "-" ? read_stdin() : prompt, {on_text});
  const generate::Generation& generation = reply.generation;
  if (!global.json) print("\n");
  if (generation.stop_reason == generate::StopReason::kInterrupted) throw Interrupted{};
  if (global.json) print(chat::reply_record(reply, session).dump() + "\n");
  core::log_debug("{}, seed {}, stopped by {}", chat::reply_summary(generation), generation.seed,
                  generate::stop_reason_name(generation.stop_reason));
}

bool wants_color() {
  const char* no_color = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  const bool is_dumb = terminal == nullptr || std::string_view(terminal) == "dumb";
  return (no_color == nullptr || *no_color == '\0') && !is_dumb;
}

using Screen = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

// Where a person edits lines: stdout when it is a terminal that holds nothing else, or else stderr.
// Null: nobody edits.
Screen find_screen(bool as_json) {
  const bool can_type = ::isatty(STDIN_FILENO) == 1;
  const auto close_nothing = [](std::FILE*) { return 0; };
  if (can_type && !as_json && ::isatty(STDOUT_FILENO) == 1) return {stdout, close_nothing};
  if (can_type && ::isatty(STDERR_FILENO) == 1)
    return {::fdopen(::dup(STDERR_FILENO), "w"), &std::fclose};
  return {nullptr, close_nothing};
}

void greet(const chat::ChatSession& session, const chat::ReplOptions& options,
           const std::filesystem::path& model) {
  std::cerr << fmt::format("{}: {}, context {} tokens\n", model.filename().string(),
                           options.about[1].second, chat::grouped(session.context_length()));
  if (!session.messages().empty())
    std::cerr << fmt::format("{} messages so far\n", session.messages().size());
  std::cerr << "/help lists the commands, Ctrl-D leaves\n";
}

void converse_at_terminal(chat::ChatSession& session, chat::ReplOptions options, Screen screen) {
  chat::CtrlC ctrl_c;  // ends a reply, as often as one likes
  options.take_interrupt = [&] { return ctrl_c.take(); };
  options.is_terminal = true;
  options.has_color = wants_color();
  const auto input = chat::make_terminal_input({.has_color = options.has_color,
                                                .history_file = chat::default_history_file(),
                                                .completer = chat::command_completer(),
                                                .screen = screen.get()},
                                               ctrl_c);
  chat::run_repl(session, *input, options);
}

void converse_in_pipe(chat::ChatSession& session, chat::ReplOptions options) {
  std::signal(SIGINT, SIG_DFL);
  const auto input = chat::make_stream_input(std::cin);
  // The notices have said what.
  if (chat::run_repl(session, *input, options) > 0) throw AlreadyTold{};
}

void converse(chat::ChatSession& session, const convert::LoadedModel& loaded,
              const ChatOptions& chat_options, const GlobalOptions& global) {
  // They end the program at once: there is nothing to save.
  for (const int signal : {SIGTERM, SIGHUP}) std::signal(signal, SIG_DFL);
  chat::ReplOptions options{.replies = std::cout,
                            .notices = std::cerr,
                            .take_interrupt = [] { return false; },
                            .json = global.json,
                            .verbose = global.verbose,
                            .about = about_model(loaded)};
  if (!chat_options.load.empty()) options.own_files = {chat_options.load};
  Screen screen = find_screen(global.json);
  if (screen == nullptr) return converse_in_pipe(session, std::move(options));
  if (!global.quiet) greet(session, options, loaded.path.lexically_normal());
  converse_at_terminal(session, std::move(options), std::move(screen));
}

}  // namespace

void run_chat(const ChatOptions& options, const GlobalOptions& global) {
  const convert::LoadedModel loaded = load(options, global);
  const int64_t context =
      options.context.value_or(std::min(loaded.config.max_position_embeddings, kDefaultContext));
  const auto model = generate::make_language_model(*loaded.model, context);
  chat::ChatSession session = make_session(*model, loaded, options);
  begin(session, options);
  if (session.chat_template() == nullptr) core::log_info("{}", session.mode_notice());
  if (options.prompt) {
    answer_once(session, *options.prompt, global);
  } else {
    converse(session, loaded, options, global);
  }
}

}  // namespace llm::apps
