#include "chat/edited_text.h"

#include <algorithm>
#include <cwchar>

namespace llm::chat {

namespace {

size_t start_of_line(std::wstring_view text, size_t cursor) {
  const size_t newline = text.substr(0, cursor).rfind(L'\n');
  return newline == text.npos ? 0 : newline + 1;
}

size_t end_of_line(std::wstring_view text, size_t cursor) {
  return std::min(text.find(L'\n', cursor), text.size());
}

}  // namespace

std::optional<size_t> cursor_above(std::wstring_view text, size_t cursor) {
  const size_t start = start_of_line(text, cursor);
  if (start == 0) return std::nullopt;
  return std::min(start_of_line(text, start - 1) + cursor - start, start - 1);
}

std::optional<size_t> cursor_below(std::wstring_view text, size_t cursor) {
  const size_t end = end_of_line(text, cursor);
  if (end == text.size()) return std::nullopt;
  return std::min(end + 1 + cursor - start_of_line(text, cursor), end_of_line(text, end + 1));
}

ScreenPlace screen_place(std::wstring_view text, size_t cursor, int prompt_width, int columns) {
  ScreenPlace place{prompt_width / columns, prompt_width % columns};
  for (const wchar_t character : text.substr(0, cursor)) {
    const bool is_tab = character == L'\t';
    const int width = is_tab ? 8 - place.column % 8 : std::max(::wcwidth(character), 0);
    if (character == L'\n' || place.column + width > columns) place = {place.row + 1, 0};
    place.column += width;
  }
  return place;
}

std::wstring clean_paste(std::wstring_view text) {
  std::wstring out;
  for (const wchar_t c : text) {
    const bool is_control =
        (c < L' ' && c != L'\n' && c != L'\t' && c != L'\r') || (c >= L'\x7f' && c < L'\xa0');
    if (!is_control) out += c == L'\r' ? L'\n' : c;
  }
  while (out.ends_with(L'\n')) out.pop_back();
  return out;
}

}  // namespace llm::chat
