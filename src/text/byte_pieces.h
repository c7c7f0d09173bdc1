// The pieces <0x00> to <0xFF> that stand for single bytes where a vocabulary lacks a character.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/model_rules.h"

namespace llm::text {

std::string piece_of_byte(uint8_t byte);
// The byte that a piece stands for; nothing for any other piece.
std::optional<uint8_t> byte_of_piece(std::string_view piece);

// What becomes of a character that the vocabulary lacks: its bytes, else the unknown token, else
// nothing.
class UnknownCharacters {
 public:
  explicit UnknownCharacters(const ModelRules& rules);
  // Appends the bytes of `character` as pieces; false when byte fallback is off or one is missing.
  bool append_bytes(std::string_view character, std::vector<int32_t>& out) const;
  bool covers_all() const { return covers_all_; }
  bool is_byte(int32_t id) const;

 private:
  std::array<int32_t, 256> ids_;
  bool covers_all_ = false;
};

}  // namespace llm::text
