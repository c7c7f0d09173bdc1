#include "chat/file_argument.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "llm/core/error.h"

namespace llm::chat {

namespace {

constexpr std::string_view kBlanks = " \t\r\n";

bool is_one_of(char c, std::string_view characters) {
  return characters.find(c) != characters.npos;
}

// Whether a \ makes this character plain.
bool takes_escape(char c, char quote) {
  return quote == 0 || (quote == '"' && is_one_of(c, "\"\\"));
}

}  // namespace

TypedWord read_word(std::string_view line) {
  TypedWord word;
  size_t& at = word.end;
  for (; at < line.size() && (word.quote != 0 || !is_one_of(line[at], kBlanks)); ++at) {
    const char c = line[at];
    const bool is_last = at + 1 == line.size();
    if (c == word.quote) {
      word.quote = 0;
    } else if (at == 0 && is_one_of(c, "'\"")) {
      word.quote = c;
    } else if (c == '\\' && word.quote != '\'' && is_last) {
      word.ends_in_escape = true;
      word.text += c;
    } else if (c == '\\' && takes_escape(line[std::min(at + 1, line.size() - 1)], word.quote)) {
      word.text += line[++at];
    } else {
      word.text += c;
    }
  }
  return word;
}

std::string escaped(std::string_view text, char quote) {
  const std::string_view special = quote == '\'' ? "" : quote == '"' ? "\"\\" : " \t'\"\\";
  std::string out;
  for (const char c : text) {
    if (is_one_of(c, special)) out += '\\';
    out += c;
  }
  return out;
}

std::string home_expanded(const std::string& path) {
  const char* home = std::getenv("HOME");
  return path.starts_with("~/") && home != nullptr ? home + path.substr(1) : path;
}

std::pair<std::string, std::string> split_file(const char* command, const std::string& argument) {
  const TypedWord word = read_word(argument);
  if (word.quote != 0)
    throw core::ConfigError({command, fmt::format("a closing {}", word.quote), argument,
                             "A name that begins with a quote is typed with a \\ before it"});
  if (word.text.empty())
    throw core::ConfigError({command, "a file name", argument.empty() ? "nothing" : argument, ""});
  const size_t rest = std::min(argument.find_first_not_of(kBlanks, word.end), argument.size());
  return {home_expanded(word.text), argument.substr(rest)};
}

std::string file_argument(const char* command, const std::string& argument) {
  auto [path, rest] = split_file(command, argument);
  if (!rest.empty())
    throw core::ConfigError(
        {command, "one file name", "'" + argument + "'", "Put a name with spaces in quotes"});
  return path;
}

}  // namespace llm::chat
