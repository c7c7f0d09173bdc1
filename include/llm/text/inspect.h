// What can be said about a tokenizer: its parts, and how it fares on a text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "llm/text/tokenizer.h"

namespace llm::text {

struct TokenizerSummary {
  int32_t vocab_size = 0;
  int32_t num_unused_ids = 0;  // ids below vocab_size without a piece
  int64_t num_merges = 0;
  int64_t num_added = 0;
  int64_t num_special = 0;
  int64_t longest_token_bytes = 0;
  bool covers_all_bytes = true;  // no text can be unknown
  std::string chat_template;     // "chatml", "own" or ""
  uint64_t fingerprint = 0;
};
TokenizerSummary summarize(const Tokenizer& tokenizer);

// Sums over texts; add() joins them.
struct TextMeasure {
  uint64_t texts = 0;
  uint64_t bytes = 0;
  uint64_t characters = 0;
  uint64_t tokens = 0;
  uint64_t unknown_bytes = 0;
  uint64_t failed_round_trips = 0;  // texts where decode(encode(x)) != normalize(x)
  void add(const TextMeasure& other);
  double bytes_per_token() const { return tokens ? static_cast<double>(bytes) / tokens : 0; }
  double characters_per_token() const {
    return tokens ? static_cast<double>(characters) / tokens : 0;
  }
  double unknown_rate() const { return bytes ? static_cast<double>(unknown_bytes) / bytes : 0; }
};
// Requires: valid UTF-8. Special tokens in the text are text.
TextMeasure measure_text(const Tokenizer& tokenizer, std::string_view text);

}  // namespace llm::text
