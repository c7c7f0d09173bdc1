#include "text/byte_pieces.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace llm::text {

std::string piece_of_byte(uint8_t byte) { return fmt::format("<0x{:02X}>", byte); }

std::optional<uint8_t> byte_of_piece(std::string_view piece) {
  if (piece.size() != 6 || !piece.starts_with("<0x") || !piece.ends_with('>')) return std::nullopt;
  uint8_t byte = 0;
  const auto [end, error] = std::from_chars(piece.data() + 3, piece.data() + 5, byte, 16);
  if (error != std::errc() || end != piece.data() + 5) return std::nullopt;
  return byte;
}

UnknownCharacters::UnknownCharacters(const ModelRules& rules) {
  ids_.fill(-1);
  if (!rules.byte_fallback) return;
  for (size_t id = 0; id < rules.pieces.size(); ++id) {
    const std::optional<uint8_t> byte = byte_of_piece(rules.pieces[id]);
    const bool counts =
        !rules.is_sentencepiece() || rules.is_kind(static_cast<int32_t>(id), PieceKind::kByte);
    if (byte && counts) ids_[*byte] = static_cast<int32_t>(id);
  }
  covers_all_ = std::ranges::all_of(ids_, [](int32_t id) { return id >= 0; });
}

bool UnknownCharacters::append_bytes(std::string_view character, std::vector<int32_t>& out) const {
  const size_t before = out.size();
  for (const char byte : character) {
    const int32_t id = ids_[static_cast<uint8_t>(byte)];
    if (id < 0) {
      out.resize(before);
      return false;
    }
    out.push_back(id);
  }
  return true;
}

bool UnknownCharacters::is_byte(int32_t id) const {
  return std::ranges::find(ids_, id) != ids_.end();
}

}  // namespace llm::text
