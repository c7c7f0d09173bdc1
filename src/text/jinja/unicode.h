// Characters as Python's str sees them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "text/jinja/origin_text.h"

namespace llm::text::jinja {

struct Character {
  char32_t code = 0;
  size_t begin = 0;  // bytes of the text
  size_t end = 0;
};

// The character that begins at `byte`. Requires: byte < text.size().
Character character_at(std::string_view text, size_t byte);
// The character that ends at `byte`. Requires: byte > 0.
Character character_before(std::string_view text, size_t byte);
int64_t count_characters(std::string_view text);
// The byte where character `index` begins; the size of the text for those past its end.
size_t byte_of_character(std::string_view text, int64_t index);

bool is_space(char32_t code);       // str.isspace
bool is_line_break(char32_t code);  // of str.splitlines
bool is_letter(char32_t code);
bool is_decimal(char32_t code);
bool is_digit(char32_t code);
bool is_numeric(char32_t code);
bool is_alphanumeric(char32_t code);
bool is_lower(char32_t code);
bool is_upper(char32_t code);
bool is_title(char32_t code);
bool is_printable(char32_t code);
bool is_identifier_start(char32_t code);
bool is_identifier_part(char32_t code);

enum class CaseChange { kUpper, kLower, kTitle, kFold };
// The whole text, with full Unicode mappings; each new character comes from where the old one did.
Text change_case(const Text& text, CaseChange change);

}  // namespace llm::text::jinja
