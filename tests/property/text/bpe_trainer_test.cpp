// Oracle: a trainer that recounts every pair of every word before each merge, and the counts' own
// invariances.
#include "llm/text/bpe_trainer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <thread>

#include "llm/core/error.h"
#include "text/byte_level.h"
#include "text/pre_tokenizer.h"

namespace llm::text {
namespace {

struct Limits {
  int64_t vocab_size = 0;
  uint64_t min_frequency = 2;
  int64_t max_token_bytes = 64;
};

// All pieces in id order.
std::vector<std::string> train_slowly(const std::vector<std::string>& documents,
                                      const std::string& pattern, std::vector<std::string> pieces,
                                      const Limits& limits) {
  const int32_t first_byte = static_cast<int32_t>(pieces.size());
  for (const std::string& symbol : byte_symbols()) pieces.push_back(symbol);
  std::map<std::string, uint64_t> counts;
  const PreTokenizer pre_tokenizer(steps_named(pattern), "test");
  for (const std::string& document : documents)
    pre_tokenizer.split(document, [&](std::string_view word) { ++counts[std::string(word)]; });
  std::vector<std::pair<std::vector<int32_t>, uint64_t>> words;
  for (const auto& [word, count] : counts) {
    std::vector<int32_t> symbols;
    for (const char byte : word) symbols.push_back(first_byte + static_cast<uint8_t>(byte));
    words.emplace_back(symbols, count);
  }
  while (static_cast<int64_t>(pieces.size()) < limits.vocab_size) {
    std::map<std::pair<int32_t, int32_t>, uint64_t> pairs;
    for (const auto& [symbols, count] : words)
      for (size_t i = 0; i + 1 < symbols.size(); ++i) pairs[{symbols[i], symbols[i + 1]}] += count;
    std::pair<int32_t, int32_t> best;
    uint64_t best_count = 0;
    for (const auto& [pair, count] : pairs) {
      const auto joined = pieces[pair.first] + pieces[pair.second];
      if (static_cast<int64_t>(bytes_of_piece(joined)->size()) > limits.max_token_bytes) continue;
      if (std::ranges::find(pieces, joined) != pieces.end()) continue;
      if (count > best_count) std::tie(best, best_count) = std::pair(pair, count);
    }
    if (best_count < limits.min_frequency) break;
    const int32_t id = static_cast<int32_t>(pieces.size());
    pieces.push_back(pieces[best.first] + pieces[best.second]);
    for (auto& [symbols, count] : words) {
      std::vector<int32_t> next;
      for (size_t i = 0; i < symbols.size(); ++i) {
        const bool match =
            i + 1 < symbols.size() && symbols[i] == best.first && symbols[i + 1] == best.second;
        next.push_back(match ? id : symbols[i]);
        i += match;
      }
      symbols = next;
    }
  }
  return pieces;
}

std::vector<std::string> random_documents(std::mt19937_64& rng) {
  const std::vector<std::string> alphabets = {"ab", "abc ", "aaab \n", "xyz01 '!", "가나다 a"};
  std::vector<std::string> documents(1 + rng() % 5);
  for (std::string& document : documents) {
    const std::string& alphabet = alphabets[rng() % alphabets.size()];
    std::vector<std::string> letters;
    for (size_t i = 0; i < alphabet.size();) {
      const size_t length = static_cast<uint8_t>(alphabet[i]) >= 0x80 ? 3 : 1;
      letters.push_back(alphabet.substr(i, length));
      i += length;
    }
    for (uint64_t n = rng() % 200; n > 0; --n) document += letters[rng() % letters.size()];
  }
  documents[0] += "base";
  return documents;
}

std::vector<std::string> pieces_of(const Tokenizer& tokenizer) {
  std::vector<std::string> pieces;
  for (int32_t id = 0; id < tokenizer.vocab_size(); ++id) pieces.push_back(tokenizer.piece(id));
  return pieces;
}

TEST(BpeTrainer, EqualsTheTrainerThatRecounts) {
  std::mt19937_64 rng(5);
  for (int round = 0; round < 60; ++round) {
    const auto documents = random_documents(rng);
    BpeTrainerConfig config;
    config.pattern = std::vector<std::string>{"gpt2", "llama3", "qwen2", "smollm"}[round % 4];
    config.chat = round % 2 ? "chatml" : "";
    config.min_frequency = 1 + rng() % 4;
    config.max_token_bytes = round % 3 ? 64 : 3;
    config.vocab_size = 300 + static_cast<int64_t>(rng() % 40);
    config.num_threads = 1 + round % 3;
    if (round % 5 == 0) config.reserved = {"aa", "ab"};  // a merge must not form them
    BpeTrainer trainer(config);
    for (const std::string& document : documents) trainer.add_text(document);
    const auto tokenizer = trainer.train();
    std::vector<std::string> specials;
    for (const AddedToken& token : tokenizer->added_tokens()) specials.push_back(token.content);
    const auto expected =
        train_slowly(documents, config.pattern, specials,
                     {config.vocab_size, config.min_frequency, config.max_token_bytes});
    ASSERT_EQ(pieces_of(*tokenizer), expected) << "round " << round;
    for (const std::string& document : documents)
      ASSERT_EQ(tokenizer->decode(tokenizer->encode(document)), document);
  }
}

TEST(BpeTrainer, ThreadsAndOrderDoNotMatter) {
  std::mt19937_64 rng(9);
  std::vector<std::string> documents;
  for (int i = 0; i < 40; ++i)
    for (std::string& document : random_documents(rng)) documents.push_back(std::move(document));
  std::vector<uint64_t> fingerprints;
  for (const int threads : {1, 2, 5}) {
    std::ranges::shuffle(documents, rng);
    BpeTrainerConfig config;
    config.vocab_size = 400;
    config.num_threads = threads;
    BpeTrainer trainer(config);
    std::vector<std::thread> callers;
    for (int caller = 0; caller < threads; ++caller)
      callers.emplace_back([&, caller] {
        for (size_t i = caller; i < documents.size(); i += threads) trainer.add_text(documents[i]);
      });
    for (std::thread& caller : callers) caller.join();
    fingerprints.push_back(trainer.train()->fingerprint());
  }
  EXPECT_EQ(fingerprints[0], fingerprints[1]);
  EXPECT_EQ(fingerprints[0], fingerprints[2]);
}

TEST(BpeTrainer, SpecialsComeFirstWithFixedIds) {
  BpeTrainerConfig config;
  config.vocab_size = 300;
  config.chat = "chatml";
  config.reserved = {"<tool>"};
  BpeTrainer trainer(config);
  trainer.add_text("some text <tool> <|im_end|>");
  const auto tokenizer = trainer.train();
  EXPECT_EQ(tokenizer->eos_id(), 0);
  EXPECT_EQ(tokenizer->pad_id(), 1);
  EXPECT_EQ(tokenizer->bos_id(), std::nullopt);
  EXPECT_EQ(tokenizer->find("<|im_start|>"), 2);
  EXPECT_EQ(tokenizer->find("<|im_end|>"), 3);
  EXPECT_EQ(tokenizer->find("<|reserved_0|>"), 4);
  EXPECT_EQ(tokenizer->find("<|reserved_15|>"), 19);
  EXPECT_EQ(tokenizer->find("<tool>"), 20);
  EXPECT_EQ(tokenizer->piece(21 + 'a'), "a");
  EXPECT_EQ(tokenizer->stop_ids(), (std::vector<int32_t>{0, 3}));
  // Markers are reserved from the start; a template comes with the tuning that teaches it.
  EXPECT_EQ(tokenizer->chat_template(), "");
}

TEST(BpeTrainer, RefusesWhatCannotWork) {
  const auto with = [](auto change) {
    BpeTrainerConfig config;
    change(config);
    BpeTrainer trainer(config);
  };
  EXPECT_THROW(with([](auto& c) { c.vocab_size = 273; }), core::ConfigError);
  EXPECT_NO_THROW(with([](auto& c) { c.vocab_size = 274; }));
  EXPECT_THROW(with([](auto& c) { c.pattern = "gpt5"; }), core::ConfigError);
  EXPECT_THROW(with([](auto& c) { c.chat = "llama"; }), core::ConfigError);
  EXPECT_THROW(with([](auto& c) { c.reserved = {"a"}; }), core::ConfigError);
  EXPECT_THROW(with([](auto& c) { c.reserved = {"<x>", "<x>"}; }), core::ConfigError);
  EXPECT_THROW(with([](auto& c) { c.num_threads = 0; }), core::ConfigError);
  BpeTrainer empty(BpeTrainerConfig{});
  EXPECT_THROW(empty.add_text("\xff"), core::DataError);
  EXPECT_THROW(empty.train(), core::DataError);
}

}  // namespace
}  // namespace llm::text
