#include "text/chars_map.h"

#include <fmt/format.h>

#include <cstring>

#include "llm/core/error.h"
#include "llm/text/utf8.h"

namespace llm::text {
namespace {

constexpr int kMaxPrefixes = 32;  // SentencePiece looks no further

// Darts' units: bit 31 marks a leaf's value; else bits 0-7 are the label, bit 8 says that the node
// has a leaf, and bits 9-31 are the offset to its children, in steps of 256 when bit 9 is set.
bool has_leaf(uint32_t unit) { return (unit >> 8) & 1; }
uint32_t value_of(uint32_t unit) { return unit & 0x7FFFFFFF; }
uint32_t label_of(uint32_t unit) { return unit & 0x800000FF; }
bool continues(char byte) { return (static_cast<uint8_t>(byte) & 0xC0) == 0x80; }
uint32_t offset_of(uint32_t unit) { return (unit >> 10) << ((unit & 0x200) >> 6); }

}  // namespace

CharsMap::CharsMap(std::string_view blob, const std::string& where) {
  if (blob.empty()) return;
  const auto refuse = [&](const std::string& expected, const std::string& got) {
    throw core::FormatError(
        {where + ": precompiled_charsmap", expected, got, "The file is damaged; fetch it again"});
  };
  uint32_t size = 0;
  if (blob.size() < sizeof size) refuse("at least 4 bytes", fmt::format("{}", blob.size()));
  std::memcpy(&size, blob.data(), sizeof size);
  blob.remove_prefix(sizeof size);
  if (size == 0 || size % sizeof(uint32_t) != 0 || size > blob.size())
    refuse(fmt::format("a trie of at most {} bytes", blob.size()), fmt::format("{}", size));
  units_.resize(size / sizeof(uint32_t));
  std::memcpy(units_.data(), blob.data(), size);
  replacements_ = blob.substr(size);
  if (replacements_.empty() || replacements_.back() != '\0')
    refuse("replacements that end with a zero byte", "another end");
  if (find_invalid_utf8(replacements_) != std::string::npos)
    refuse("replacements in UTF-8", "invalid bytes");
}

// Every index is checked, and that matches are whole characters: the file may be damaged.
template <class Visit>
void CharsMap::visit_prefixes(std::string_view text, Visit&& visit) const {
  if (units_.empty()) return;
  uint32_t node = offset_of(units_[0]);
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<uint8_t>(text[i]);
    node ^= byte;
    if (node >= units_.size() || label_of(units_[node]) != byte) return;
    const uint32_t unit = units_[node];
    node ^= offset_of(unit);
    if (!has_leaf(unit)) continue;
    if (node >= units_.size()) return;
    const bool whole = i + 1 == text.size() || !continues(text[i + 1]);
    const uint32_t value = value_of(units_[node]);
    if (!whole || value >= replacements_.size() || continues(replacements_[value])) continue;
    if (!visit(i + 1, std::string_view(replacements_.c_str() + value))) return;
  }
}

CharsMap::Match CharsMap::longest(std::string_view text) const {
  Match match;
  int seen = 0;
  visit_prefixes(text, [&](size_t length, std::string_view replacement) {
    match = {length, replacement};
    return ++seen < kMaxPrefixes;
  });
  return match;
}

CharsMap::Match CharsMap::shortest(std::string_view text) const {
  Match match;
  visit_prefixes(text, [&](size_t length, std::string_view replacement) {
    match = {length, replacement};
    return false;
  });
  return match;
}

}  // namespace llm::text
