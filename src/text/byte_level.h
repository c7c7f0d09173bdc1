// The byte <-> character table of byte-level BPE (GPT-2's bytes_to_unicode): printable Latin-1
// bytes stand for themselves, the 68 others are U+0100, U+0101, ... in byte order. Vocabularies on
// disk are written in these characters; in memory we merge plain bytes.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace llm::text {

// The UTF-8 form of each byte's character.
const std::array<std::string, 256>& byte_symbols();
// The byte a character stands for, or -1.
int byte_of_symbol(char32_t character);
std::string piece_of_bytes(std::string_view bytes);
// The bytes a piece stands for; nothing when a character is not in the table.
std::optional<std::string> bytes_of_piece(std::string_view piece);

}  // namespace llm::text
