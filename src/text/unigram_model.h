// Unigram language model (Kudo, ACL 2018): of all ways to write a word in pieces, the one whose
// scores sum highest (Viterbi). A character without a piece costs the lowest score less 10.
//
// SentencePiece sums in single precision and gives user-defined pieces a bonus; Hugging Face
// `tokenizers` sums in double precision. Rules with kinds follow the former, others the latter.
#pragma once

#include "text/byte_pieces.h"
#include "text/piece_trie.h"
#include "text/token_model.h"

namespace llm::text {

class UnigramModel final : public TokenModel {
 public:
  // Requires: blocked.size() and rules.scores.size() are at least rules.pieces.size().
  UnigramModel(const UnigramRules& rules, const std::vector<bool>& blocked);

  // O(n m) for a word of n bytes and pieces of at most m.
  void encode_word(std::string_view word, std::vector<int32_t>& out) const override;
  uint64_t count_unknown_bytes(std::string_view word) const override;
  bool covers_all_text() const override { return unknown_.covers_all(); }

 private:
  struct Step {  // the best way to reach a byte of the word
    double score = 0;
    int32_t begin = -1;  // of the last piece; -1: not reached
    int32_t id = -1;     // of the last piece; -1: unknown
  };
  template <class Sum>
  void find_path(std::string_view word, std::vector<Step>& steps) const;
  // Calls visit(begin, end, id) for the pieces of the best path, from left to right.
  template <class Visit>
  void visit_path(std::string_view word, Visit&& visit) const;

  PieceTrie trie_;
  std::vector<double> scores_;  // by id
  double unk_score_ = 0;
  bool single_precision_ = false;
  std::optional<int32_t> unk_id_;
  UnknownCharacters unknown_;
};

}  // namespace llm::text
