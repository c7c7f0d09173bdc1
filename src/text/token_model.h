// The model of a tokenizer: one word of the pre-tokenizer to ids.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "text/model_rules.h"

namespace llm::text {

// How the words of the pre-tokenizer are spelled in the vocabulary.
enum class Alphabet {
  kBytes,       // byte-level: every byte of the text as one character (text/byte_level.h)
  kCharacters,  // as they are
};

// Immutable but for caches; its members may be called from many threads at once.
class TokenModel {
 public:
  virtual ~TokenModel() = default;
  // Appends the ids of `word`. Requires: valid UTF-8 unless the alphabet is kBytes.
  virtual void encode_word(std::string_view word, std::vector<int32_t>& out) const = 0;
  // Bytes of `word` for which the vocabulary has no token.
  virtual uint64_t count_unknown_bytes(std::string_view word) const = 0;
  virtual bool covers_all_text() const = 0;
};

// Text never becomes an id with blocked[id] (special tokens). Requires: blocked.size() is at least
// the number of pieces; Unigram rules go with kCharacters.
std::unique_ptr<TokenModel> make_model(const AnyRules& rules, Alphabet alphabet,
                                       const std::vector<bool>& blocked);

}  // namespace llm::text
