#include "io/text_position.h"

#include <fmt/format.h>

namespace llm::io {

TextPosition text_position(std::string_view text, size_t offset) {
  TextPosition position;
  for (const char c : text.substr(0, offset)) {
    if (c == '\n') {
      ++position.line;
      position.column = 1;
    } else if ((static_cast<unsigned char>(c) & 0xC0) != 0x80) {
      ++position.column;  // UTF-8 continuation bytes belong to the character before
    }
  }
  return position;
}

std::string place_in_text(const std::string& where, std::string_view text, size_t offset) {
  const TextPosition position = text_position(text, offset);
  return fmt::format("{}:{}:{}", where, position.line, position.column);
}

}  // namespace llm::io
