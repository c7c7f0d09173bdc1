#include "chat/commands.h"

#include <fmt/format.h>

#include <algorithm>

#include "llm/core/config.h"
#include "llm/core/error.h"

namespace llm::chat {

namespace {

constexpr std::string_view kBlank = " \t\r\n";

std::string trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(kBlank);
  if (begin == text.npos) return "";
  return std::string(text.substr(begin, text.find_last_not_of(kBlank) - begin + 1));
}

[[noreturn]] void refuse_unknown(const std::string& name) {
  std::vector<std::string> names;
  for (const Command& command : commands()) names.push_back(command.name);
  const std::string near = core::nearest_name(name, names);
  throw core::ConfigError({"command", "one of those that /help lists", name,
                           (near.empty() ? "" : fmt::format("Did you mean {}? ", near)) +
                               "A message that begins with / is written with //"});
}

}  // namespace

std::span<const Command> commands() {
  using Kind = ArgumentKind;
  static const std::vector<Command> table = {
      {"/help",
       {"/?"},
       "[COMMAND]",
       "this list, or more about one command",
       "",
       Kind::kCommand,
       run_help},
      {"/exit", {"/quit", "/bye"}, "", "leave; also Ctrl-D", "", Kind::kNone, run_exit},
      {"/clear",
       {"/reset"},
       "",
       "forget the conversation, keep the system prompt",
       "",
       Kind::kNone,
       run_clear},
      {"/regen",
       {},
       "",
       "another reply to the last message",
       "It takes the place of the reply before. With a seed set it draws with the next seed; at\n"
       "temperature 0 it is the same text again.",
       Kind::kNone,
       run_regen},
      {"/undo", {}, "", "take back the last message and its reply", "", Kind::kNone, run_undo},
      {"/system",
       {},
       "[TEXT]",
       "show or set the system prompt",
       "The conversation goes on. /system \"\" removes it.",
       Kind::kText,
       run_system},
      {"/set",
       {},
       "[NAME VALUE]",
       "show or set how replies are drawn",
       "/set temperature 0.2, /set stop END, /set stop [\"A\", \"B\"], /set seed null. temp "
       "stands\n"
       "for temperature.",
       Kind::kSetting,
       run_set},
      {"/show", {}, "", "the model, its context and the settings", "", Kind::kNone, run_show},
      {"/save",
       {},
       "FILE",
       "write the conversation and its settings as JSON",
       "A file that this session has loaded or saved is replaced, no other one. A name with "
       "spaces\n"
       "stands in quotes.",
       Kind::kFile,
       run_save},
      {"/load",
       {},
       "FILE",
       "go on with a saved conversation",
       "Any JSON list of messages will do, or {\"messages\": [...]}. It replaces this "
       "conversation.",
       Kind::kFile,
       run_load},
      {"/read",
       {},
       "FILE [WORDS]",
       "send a text file, with words after it",
       "/read notes.txt Summarise this. A name with spaces stands in quotes: 'my notes.txt',\n"
       "or has a \\ before each.",
       Kind::kFile,
       run_read},
      {"/stats", {}, "", "tokens and speed so far", "", Kind::kNone, run_stats},
      {"/template",
       {},
       "[NAME|FILE]",
       "show or change the chat template",
       "chatml, llama2, llama3, mistral, zephyr, alpaca, plain, or a Jinja file.",
       Kind::kTemplate,
       run_template}};
  return table;
}

const Command* find_command(std::string_view name) {
  const std::string wanted = name.starts_with('/') ? std::string(name) : "/" + std::string(name);
  for (const Command& command : commands()) {
    const bool is_alias =
        std::ranges::any_of(command.aliases, [&](const char* alias) { return alias == wanted; });
    if (command.name == wanted || is_alias) return &command;
  }
  return nullptr;
}

void run_command(Repl& repl, const std::string& line) {
  const size_t end = std::min(line.find_first_of(kBlank), line.size());
  const std::string name = line.substr(0, end), argument = trimmed(line.substr(end));
  const Command* command = find_command(name);
  if (command == nullptr) refuse_unknown(name);
  if (command->argument == ArgumentKind::kNone && !argument.empty())
    throw core::ConfigError({command->name, "nothing after it", "'" + argument + "'", ""});
  command->run(repl, argument);
}

}  // namespace llm::chat
