#include <algorithm>
#include <filesystem>

#include "chat/commands.h"
#include "chat/file_argument.h"
#include "llm/text/chat_template.h"

namespace llm::chat {

namespace {

namespace fs = std::filesystem;

std::vector<std::string> starting_with(std::vector<std::string> words, std::string_view start) {
  std::erase_if(words, [&](const std::string& word) { return !word.starts_with(start); });
  std::ranges::sort(words);
  return words;
}

std::vector<std::string> command_names() {
  std::vector<std::string> names;
  for (const Command& command : commands()) names.push_back(command.name);
  return names;
}

// Whether a name can be typed behind what is typed of it.
bool is_offered(const std::string& name, std::string_view start, char quote) {
  const bool is_hidden = start.empty() && name.starts_with('.');
  const bool can_be_quoted = quote != '\'' || name.find('\'') == std::string::npos;
  return name.starts_with(start) && !is_hidden && can_be_quoted;
}

// Paths that start with `typed`, written as `typed` is, folders with a '/' behind.
std::vector<std::string> paths_starting_with(std::string_view typed) {
  if (read_word(typed).ends_in_escape) typed.remove_suffix(1);
  const TypedWord word = read_word(typed);
  if (word.end < typed.size()) return {};
  const size_t name_begin = word.text.rfind('/') + 1;  // 0 without a '/'
  const std::string folder = word.text.substr(0, name_begin);
  const std::string start = word.text.substr(name_begin);
  std::vector<std::string> out;
  std::error_code error;
  fs::directory_iterator entries(folder.empty() ? "." : home_expanded(folder), error);
  for (; !error && entries != fs::directory_iterator(); entries.increment(error)) {
    const std::string name = entries->path().filename().string();
    if (!is_offered(name, start, word.quote)) continue;
    std::error_code unused;
    out.push_back(std::string(typed) + escaped(name.substr(start.size()), word.quote) +
                  (entries->is_directory(unused) ? "/" : ""));
  }
  return out;
}

std::vector<std::string> arguments_starting_with(ArgumentKind kind, std::string_view typed) {
  switch (kind) {
    case ArgumentKind::kFile:
      return starting_with(paths_starting_with(typed), typed);
    case ArgumentKind::kTemplate: {
      auto words = starting_with(text::named_templates(), typed);
      std::ranges::move(starting_with(paths_starting_with(typed), typed),
                        std::back_inserter(words));
      return words;
    }
    case ArgumentKind::kSetting:
      return starting_with(setting_names(), typed);
    case ArgumentKind::kCommand:
      return starting_with(command_names(), typed);
    case ArgumentKind::kNone:
    case ArgumentKind::kText:
      return {};
  }
  return {};
}

Completion complete_command(std::string_view before) {
  const size_t space = before.find(' ');
  if (space == before.npos) return {0, starting_with(command_names(), before)};
  const Command* command = find_command(before.substr(0, space));
  const size_t begin = std::min(before.find_first_not_of(' ', space), before.size());
  const std::string_view typed = before.substr(begin);
  if (command == nullptr) return {};
  return {begin, arguments_starting_with(command->argument, typed)};
}

}  // namespace

Completer command_completer() { return complete_command; }

}  // namespace llm::chat
