// Line and column of a byte in a text, as editors count them.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace llm::io {

struct TextPosition {
  int line = 1;
  int column = 1;  // in characters, not bytes
};

// Requires: offset <= text.size().
TextPosition text_position(std::string_view text, size_t offset);

// "where:line:column".
std::string place_in_text(const std::string& where, std::string_view text, size_t offset);

}  // namespace llm::io
