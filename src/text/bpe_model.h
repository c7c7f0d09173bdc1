// Byte-pair encoding of one word: its symbols merge pair by pair, lowest rank first, leftmost first
// among equals (Sennrich et al., ACL 2016). The symbols are the bytes of the word (GPT-2) or its
// characters (SentencePiece, where a character without a piece becomes its bytes or the unknown
// token).
#pragma once

#include <array>
#include <string>
#include <unordered_map>

#include "text/byte_pieces.h"
#include "text/merge_table.h"
#include "text/token_model.h"
#include "text/word_cache.h"

namespace llm::text {

class BpeModel final : public TokenModel {
 public:
  // Requires: blocked.size() >= rules.pieces.size().
  BpeModel(const BpeRules& rules, const std::vector<bool>& blocked,
           Alphabet alphabet = Alphabet::kBytes);

  // O(n log n) for a word of n bytes.
  void encode_word(std::string_view word, std::vector<int32_t>& out) const override;
  uint64_t count_unknown_bytes(std::string_view word) const override;
  bool covers_all_text() const override { return covers_all_; }

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view word) const { return WordCache::hash(word); }
  };
  void add_piece(int32_t id, const std::string& piece, const std::vector<bool>& blocked);
  void find_unused(const BpeRules& rules);
  bool may_cut_at_spaces(const BpeRules& rules) const;
  int32_t character_id(std::string_view character) const;
  void encode_part(std::string_view word, std::vector<int32_t>& out) const;
  void start_bytes(std::string_view word, std::vector<int32_t>& symbols) const;
  void start_characters(std::string_view word, std::vector<int32_t>& symbols) const;
  void merge_short(std::vector<int32_t>& symbols) const;
  void merge_long(std::vector<int32_t>& symbols) const;
  void split_unused(std::vector<int32_t>& symbols) const;

  Alphabet alphabet_;
  std::array<int32_t, 256> byte_ids_;                    // of bytes, or of ASCII characters
  std::unordered_map<uint32_t, int32_t> character_ids_;  // by the UTF-8 bytes, above ASCII
  bool covers_all_ = true;
  // No piece reaches over the border before a U+2581 that starts a word, so that words merge alone.
  bool cuts_at_spaces_ = false;
  MergeTable merges_;
  bool ignore_merges_;
  std::unordered_map<std::string, int32_t, Hash, std::equal_to<>> whole_words_;
  // Pieces that are only steps on the way to others, with the pair that makes them.
  std::unordered_map<int32_t, std::pair<int32_t, int32_t>> unused_;
  std::optional<int32_t> unk_id_;
  bool fuse_unk_;
  UnknownCharacters unknown_;
  mutable WordCache cache_;
};

}  // namespace llm::text
