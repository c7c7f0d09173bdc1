// UTF-8 (RFC 3629): checking, replacing, and the length of characters.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace llm::text {

// Offset of the first byte that is not part of a valid character, or npos. Overlong forms,
// surrogates and values above U+10FFFF are invalid.
size_t find_invalid_utf8(std::string_view text);
// Every maximal invalid part becomes one U+FFFD (Unicode 15, section 3.9, best practice).
std::string replace_invalid_utf8(std::string_view text);
// Length of the longest prefix that does not end inside a character: the rest may be completed by
// later bytes.
size_t complete_utf8_prefix(std::string_view bytes);
// Bytes of the character that starts with `lead`. Requires: valid UTF-8.
constexpr size_t utf8_length(char lead) {
  const auto byte = static_cast<unsigned char>(lead);
  return byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}
void append_utf8(std::string& out, char32_t code_point);

}  // namespace llm::text
