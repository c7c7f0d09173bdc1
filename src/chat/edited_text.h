// What the terminal editor asks about the text in it: characters with newlines among them, and a
// cursor between two of them.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace llm::chat {

// The cursor one line above or below, in the same column where there is one. Nothing at the first
// or last line.
std::optional<size_t> cursor_above(std::wstring_view text, size_t cursor);
std::optional<size_t> cursor_below(std::wstring_view text, size_t cursor);

// Where the cursor stands on a terminal of so many columns, after a prompt of `prompt_width`,
// counted from the prompt's first row.
struct ScreenPlace {
  int row = 0;
  int column = 0;
  bool operator==(const ScreenPlace&) const = default;
};
ScreenPlace screen_place(std::wstring_view text, size_t cursor, int prompt_width, int columns);

// What a person meant to paste: line ends are newlines, control characters are left out, and so are
// newlines at the end, which would only add empty lines.
std::wstring clean_paste(std::wstring_view text);

}  // namespace llm::chat
