// File names as they are typed behind a command, with quotes and escapes as shells have them.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace llm::chat {

// The first word of a line that does not begin with a blank: up to a blank. It may begin with a
// quote: in '..' everything stands for itself, in ".." a \ makes a " or \ behind it plain. Outside
// a \ makes any character plain, and a quote further on is plain: it's.txt.
struct TypedWord {
  std::string text;             // what it means
  size_t end = 0;               // bytes of the line
  char quote = 0;               // the one that is still open
  bool ends_in_escape = false;  // with a \ that waits for its character
};
TypedWord read_word(std::string_view line);

// `text` as it is typed to go on with a word inside `quote` (0: none). Requires: no ' inside '..'.
std::string escaped(std::string_view text, char quote);

// "~/" at its beginning becomes the home directory.
std::string home_expanded(const std::string& path);

// Of a command's argument `FILE`. Throws: ConfigError for more than one word, none, or an open
// quote.
std::string file_argument(const char* command, const std::string& argument);
// Of `FILE rest`. Throws: as file_argument.
std::pair<std::string, std::string> split_file(const char* command, const std::string& argument);

}  // namespace llm::chat
