#include "text/byte_level.h"

#include "llm/text/utf8.h"

namespace llm::text {
namespace {

constexpr bool stands_for_itself(int byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

constexpr char32_t kFirstMoved = 0x100;
constexpr int kNumMoved = 68;

struct Table {
  std::array<std::string, 256> symbols;
  std::array<int16_t, kFirstMoved + kNumMoved> bytes;
  Table() {
    bytes.fill(-1);
    char32_t moved = kFirstMoved;
    for (int byte = 0; byte < 256; ++byte) {
      const char32_t character = stands_for_itself(byte) ? static_cast<char32_t>(byte) : moved++;
      append_utf8(symbols[byte], character);
      bytes[character] = static_cast<int16_t>(byte);
    }
  }
};

const Table& table() {
  static const Table instance;
  return instance;
}

}  // namespace

const std::array<std::string, 256>& byte_symbols() { return table().symbols; }

int byte_of_symbol(char32_t character) {
  const auto& bytes = table().bytes;
  return character < bytes.size() ? bytes[character] : -1;
}

std::string piece_of_bytes(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const char byte : bytes) out += byte_symbols()[static_cast<uint8_t>(byte)];
  return out;
}

std::optional<std::string> bytes_of_piece(std::string_view piece) {
  std::string out;
  out.reserve(piece.size());
  for (size_t i = 0; i < piece.size();) {
    const auto lead = static_cast<uint8_t>(piece[i]);
    char32_t character = lead;
    size_t length = 1;
    if (lead >= 0x80) {  // every symbol lies below U+0144, in two bytes at most
      if (lead < 0xC2 || lead > 0xDF || i + 1 >= piece.size()) return std::nullopt;
      character = ((lead & 0x1Fu) << 6) | (static_cast<uint8_t>(piece[i + 1]) & 0x3Fu);
      length = 2;
    }
    const int byte = byte_of_symbol(character);
    if (byte < 0) return std::nullopt;
    out.push_back(static_cast<char>(byte));
    i += length;
  }
  return out;
}

}  // namespace llm::text
