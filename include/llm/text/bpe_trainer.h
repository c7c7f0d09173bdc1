// Byte-level BPE training (Sennrich et al., ACL 2016, over the bytes of pre-tokenised words as in
// GPT-2).
//
// Words (pre-tokens) are counted in parallel with u64 counts; then the most frequent adjacent pair
// merges until the vocabulary is full. Ties break by the smaller pair of ids, so the result depends
// on the counts alone: not on threads or on input order.
//
// Ids: 0 <|endoftext|> (EOS: ends a document), 1 <|pad|>, then with chat == "chatml" <|im_start|>
// and <|im_end|>, then <|reserved_0|> ... <|reserved_15|>, then `reserved`, then the 256 bytes in
// order, then one id per merge. Special ids thus never depend on the text. There is no normaliser,
// no unknown token and no BOS. Words above 256 bytes are counted in parts of that size.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "llm/text/tokenizer.h"

namespace llm::text {

// 256 bytes and the 18 special tokens that every vocabulary has; chat and `reserved` add to it.
inline constexpr int64_t kSmallestVocabSize = 256 + 18;

struct BpeTrainerConfig {
  int64_t vocab_size = 32000;      // specials and the 256 bytes included
  std::string pattern = "llama3";  // "gpt2", "llama3", "qwen2" or "smollm"
  std::string chat = "";           // "chatml" or "": which markers are reserved as single ids
  std::vector<std::string> reserved = {};  // further special tokens
  uint64_t min_frequency = 2;              // pairs seen less often are not merged
  int64_t max_token_bytes = 64;            // longer tokens are not formed
  int num_threads = 1;                     // that count words; merging runs in the caller's
};

enum class BpeTrainerPhase { kCount, kMerge };
struct BpeTrainerProgress {
  BpeTrainerPhase phase = BpeTrainerPhase::kCount;  // kCount: once, when all words are counted
  uint64_t done = 0;
  uint64_t total = 0;  // 0: unknown
};

class BpeTrainer {
 public:
  // Throws: ConfigError when vocab_size cannot hold the 256 bytes and the specials, or a name is
  // unknown.
  explicit BpeTrainer(BpeTrainerConfig config);
  ~BpeTrainer();
  // Hands one document to the counting threads; thread-safe. Throws: DataError for invalid UTF-8.
  void add_text(std::string_view text);
  // Once, after the last add_text. Throws: DataError when no text was added. The vocabulary may be
  // smaller than asked when pairs run out (vocab_size() tells).
  std::shared_ptr<const Tokenizer> train(
      const std::function<void(const BpeTrainerProgress&)>& progress = {});

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace llm::text
