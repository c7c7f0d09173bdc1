#include "chat/message_reader.h"

#include <fmt/ranges.h>

#include <string_view>
#include <vector>

namespace llm::chat {

namespace {

constexpr std::string_view kQuotes = "\"\"\"";

std::string_view without_trailing_space(std::string_view text) {
  const size_t last = text.find_last_not_of(" \t\r\n");
  return last == text.npos ? std::string_view() : text.substr(0, last + 1);
}

bool closes(std::string_view text) { return without_trailing_space(text).ends_with(kQuotes); }
bool stays_open(std::string_view text) { return !closes(text); }

bool continues(std::string_view text) {
  const size_t last = text.find_last_not_of('\\');
  const size_t backslashes = text.size() - (last == text.npos ? 0 : last + 1);
  return backslashes % 2 == 1;
}

// What stands between the quotes, less the newlines that set them apart.
std::string inside_quotes(std::string_view raw) {
  raw.remove_prefix(kQuotes.size());
  if (closes(raw)) {
    raw = without_trailing_space(raw);
    raw.remove_suffix(kQuotes.size());
  }
  if (raw.starts_with('\n')) raw.remove_prefix(1);
  if (raw.ends_with('\n')) raw.remove_suffix(1);
  return std::string(raw);
}

// Reads further lines while `wants_more(the newest)`. False: interrupted.
template <class Condition>
bool read_more(LineInput& input, std::vector<std::string>& lines, Condition wants_more) {
  do {
    InputLine line = input.next(true);
    if (line.kind == InputLine::Kind::kInterrupted) return false;
    if (line.kind == InputLine::Kind::kEnd) return true;
    lines.push_back(std::move(line.text));
  } while (wants_more(lines.back()));
  return true;
}

std::string joined(const std::vector<std::string>& lines) {
  return fmt::format("{}", fmt::join(lines, "\n"));
}

InputMessage read_block(LineInput& input, const std::string& first) {
  std::vector<std::string> lines = {first};
  const bool is_closed = closes(std::string_view(first).substr(kQuotes.size()));
  if (!is_closed && !read_more(input, lines, stays_open))
    return {InputLine::Kind::kInterrupted, ""};
  const std::string raw = joined(lines);
  input.remember(raw);
  return {InputLine::Kind::kText, inside_quotes(raw), true};
}

InputMessage read_continued(LineInput& input, const std::string& first) {
  std::vector<std::string> lines = {first};
  if (!read_more(input, lines, continues)) return {InputLine::Kind::kInterrupted, ""};
  for (std::string& line : lines)
    if (&line != &lines.back() || continues(line)) line.pop_back();  // the last: the input ended
  std::string text = joined(lines);
  input.remember(text);
  return {InputLine::Kind::kText, std::move(text)};
}

}  // namespace

InputMessage read_message(LineInput& input) {
  InputLine line = input.next();
  if (line.kind != InputLine::Kind::kText) return {line.kind, ""};
  const bool is_whole = line.text.find('\n') != std::string::npos;
  const bool opens_block = line.text.starts_with(kQuotes);
  if (opens_block && (!is_whole || closes(std::string_view(line.text).substr(kQuotes.size()))))
    return read_block(input, line.text);
  if (!is_whole && continues(line.text)) return read_continued(input, line.text);
  if (!without_trailing_space(line.text).empty()) input.remember(line.text);
  return {InputLine::Kind::kText, std::move(line.text)};
}

}  // namespace llm::chat
