// Byte-pair encoding of one word: the symbols of its bytes merge pair by pair, lowest rank first,
// leftmost first among equals (Sennrich et al., ACL 2016; GPT-2).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "text/merge_table.h"
#include "text/word_cache.h"

namespace llm::text {

struct BpeRules {
  std::vector<std::string> pieces;                  // by id, in byte-level characters; "": unused
  std::vector<std::pair<int32_t, int32_t>> merges;  // by rank; the merged piece is in `pieces`
  std::vector<int32_t> merged;                      // id of each merge's result
  bool ignore_merges = false;  // a word that is a piece becomes its id without merging
  std::optional<int32_t> unk_id;
  bool fuse_unk = false;  // neighbouring unknown bytes become one unknown token
};

// Immutable but for its cache; its members may be called from many threads at once.
class BpeModel {
 public:
  // The whole-word rule of ignore_merges never gives an id with blocked[id]: text shall not become
  // a special token. Requires: blocked.size() >= rules.pieces.size().
  BpeModel(const BpeRules& rules, const std::vector<bool>& blocked);

  // Appends the ids of `word` (plain bytes). O(n log n) for a word of n bytes.
  void encode_word(std::string_view word, std::vector<int32_t>& out) const;
  // Bytes of `word` for which the vocabulary has no token.
  uint64_t count_unknown_bytes(std::string_view word) const;
  bool covers_all_bytes() const { return covers_all_bytes_; }

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view word) const { return WordCache::hash(word); }
  };
  void start_symbols(std::string_view word, std::vector<int32_t>& symbols) const;
  void merge_short(std::vector<int32_t>& symbols) const;
  void merge_long(std::vector<int32_t>& symbols) const;

  std::array<int32_t, 256> byte_ids_;
  bool covers_all_bytes_ = true;
  MergeTable merges_;
  bool ignore_merges_;
  std::unordered_map<std::string, int32_t, Hash, std::equal_to<>> whole_words_;
  std::optional<int32_t> unk_id_;
  bool fuse_unk_;
  mutable WordCache cache_;
};

}  // namespace llm::text
