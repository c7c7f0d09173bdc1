// SentencePiece's precompiled_charsmap: u32 (LE) size of a trie in bytes, the trie (a Darts double
// array of u32 units: strings to offsets), then the replacements, each ended by a zero byte.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace llm::text {

class CharsMap {
 public:
  CharsMap() = default;
  // Throws: FormatError naming `where`. An empty blob is the identity.
  CharsMap(std::string_view blob, const std::string& where);
  bool empty() const { return units_.empty(); }

  struct Match {
    size_t length = 0;  // of the matched prefix; 0: none
    std::string_view replacement;
  };
  // The longest prefix of `text` that has a replacement, at most 32 candidates deep.
  Match longest(std::string_view text) const;
  // The shortest one.
  Match shortest(std::string_view text) const;

 private:
  template <class Visit>
  void visit_prefixes(std::string_view text, Visit&& visit) const;

  std::vector<uint32_t> units_;
  std::string replacements_;
};

}  // namespace llm::text
