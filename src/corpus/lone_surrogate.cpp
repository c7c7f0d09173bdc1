#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>

#include "corpus/json_text_field.h"

namespace llm::corpus {
namespace {

constexpr size_t kEscapeSize = 6;  // \uXXXX

// The value of the escape at `at`, or nothing when there is none.
std::optional<uint32_t> unicode_escape(std::string_view line, size_t at) {
  const std::string_view escape = line.substr(std::min(at, line.size()), kEscapeSize);
  if (escape.size() < kEscapeSize || !escape.starts_with("\\u")) return std::nullopt;
  uint32_t value = 0;
  const char* end = escape.data() + kEscapeSize;
  const auto [stop, error] = std::from_chars(escape.data() + 2, end, value, 16);
  return error == std::errc() && stop == end ? std::optional(value) : std::nullopt;
}

bool is_high(uint32_t value) { return value >= 0xD800 && value < 0xDC00; }
bool is_low(uint32_t value) { return value >= 0xDC00 && value < 0xE000; }

size_t find_lone_surrogate_from(std::string_view line, size_t at) {
  while ((at = line.find('\\', at)) != std::string_view::npos) {
    const auto value = unicode_escape(line, at);
    if (!value) {
      at += 2;  // a short escape; what is none at all is the parser's to refuse
      continue;
    }
    if (is_low(*value)) return at;
    at += kEscapeSize;
    if (!is_high(*value)) continue;
    if (!is_low(unicode_escape(line, at).value_or(0))) return at - kEscapeSize;
    at += kEscapeSize;
  }
  return std::string_view::npos;
}

}  // namespace

size_t find_lone_surrogate(std::string_view line) { return find_lone_surrogate_from(line, 0); }

void replace_lone_surrogates(std::string& line) {
  for (size_t at = 0; (at = find_lone_surrogate_from(line, at)) != std::string::npos;) {
    line.replace(at, kEscapeSize, "\\ufffd");
    at += kEscapeSize;
  }
}

}  // namespace llm::corpus
