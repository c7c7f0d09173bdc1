// What a tokenizer's model is, as plain values: the vocabulary and the rules of BPE or Unigram.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace llm::text {

// The kinds of pieces of a SentencePiece model; the numbers are those of its ModelProto and of
// GGUF's tokenizer.ggml.token_type.
enum class PieceKind : uint8_t {
  kNormal = 1,
  kUnknown = 2,
  kControl = 3,
  kUserDefined = 4,
  kUnused = 5,
  kByte = 6
};

// What every model has.
struct ModelRules {
  std::vector<std::string> pieces;  // by id, as written in the vocabulary; "": unused
  std::optional<int32_t> unk_id;
  bool fuse_unk = false;       // neighbouring unknown characters become one unknown token
  bool byte_fallback = false;  // unknown characters become the pieces <0x00> to <0xFF>
  std::vector<double> scores;  // by id: of Unigram, and of a BPE model that came with scores
  // By id; not empty exactly for a model that follows SentencePiece's own rules, where they differ
  // from those of Hugging Face `tokenizers`.
  std::vector<PieceKind> kinds;

  bool is_sentencepiece() const { return !kinds.empty(); }
  // Text never becomes such a piece: a special one, a byte, one that is not used.
  bool is_kind(int32_t id, PieceKind kind) const {
    return static_cast<size_t>(id) < kinds.size() && kinds[id] == kind;
  }
};

struct BpeRules : ModelRules {
  std::vector<std::pair<int32_t, int32_t>> merges;  // by rank; the merged piece is in `pieces`
  std::vector<int32_t> merged;                      // id of each merge's result
  // Ascending; empty: 0, 1, 2, ... Merges of equal rank are made from left to right.
  std::vector<uint32_t> ranks;
  bool ignore_merges = false;  // a word that is a piece becomes its id without merging
};

struct UnigramRules : ModelRules {};

using AnyRules = std::variant<BpeRules, UnigramRules>;

inline const ModelRules& common_rules(const AnyRules& rules) {
  return std::visit([](const auto& own) -> const ModelRules& { return own; }, rules);
}
inline ModelRules& common_rules(AnyRules& rules) {
  return std::visit([](auto& own) -> ModelRules& { return own; }, rules);
}

}  // namespace llm::text
