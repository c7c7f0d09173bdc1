#include <algorithm>
#include <filesystem>

#include "chat/commands.h"
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

// Paths that start with `typed`, folders with a '/' behind. Names with spaces need the quote that
// `typed` then begins with.
std::vector<std::string> paths_starting_with(std::string_view typed) {
  const bool is_quoted = typed.starts_with('"');
  const std::string quote = is_quoted ? "\"" : "";
  if (is_quoted) typed.remove_prefix(1);
  const size_t slash = typed.rfind('/');
  const std::string folder(slash == typed.npos ? "" : typed.substr(0, slash + 1));
  const std::string_view start = slash == typed.npos ? typed : typed.substr(slash + 1);
  std::vector<std::string> out;
  std::error_code error;
  fs::directory_iterator entries(folder.empty() ? "." : path_argument(folder), error);
  for (; !error && entries != fs::directory_iterator(); entries.increment(error)) {
    const std::string name = entries->path().filename().string();
    const bool is_wanted = name.starts_with(start) && !(start.empty() && name.starts_with('.')) &&
                           (is_quoted || name.find(' ') == std::string::npos);
    std::error_code unused;
    if (is_wanted)
      out.push_back(quote + folder + name + (entries->is_directory(unused) ? "/" : ""));
  }
  std::ranges::sort(out);
  return out;
}

std::vector<std::string> arguments_starting_with(ArgumentKind kind, std::string_view typed) {
  switch (kind) {
    case ArgumentKind::kFile:
      return paths_starting_with(typed);
    case ArgumentKind::kTemplate: {
      auto words = starting_with(text::named_templates(), typed);
      for (std::string& path : paths_starting_with(typed)) words.push_back(std::move(path));
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
