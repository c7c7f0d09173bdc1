// Oracle: merging by repeated search for the lowest rank, on words of every length.
#include "text/bpe_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "text/byte_level.h"

namespace llm::text {
namespace {

// Bytes are ids 0..255; random merges over a few letters.
BpeRules random_rules(std::mt19937_64& rng) {
  BpeRules rules;
  rules.pieces.assign(byte_symbols().begin(), byte_symbols().end());
  std::vector<int32_t> alive = {'a', 'b', 'c'};
  for (int i = 0; i < 60; ++i) {
    const int32_t left = alive[rng() % alive.size()], right = alive[rng() % alive.size()];
    const std::string joined = rules.pieces[left] + rules.pieces[right];
    if (std::ranges::find(rules.pieces, joined) != rules.pieces.end()) continue;
    rules.merges.emplace_back(left, right);
    rules.merged.push_back(static_cast<int32_t>(rules.pieces.size()));
    alive.push_back(rules.merged.back());
    rules.pieces.push_back(joined);
  }
  return rules;
}

std::vector<int32_t> merge_slowly(const BpeRules& rules, std::string_view word) {
  std::vector<int32_t> ids;
  for (const char c : word) ids.push_back(static_cast<uint8_t>(c));
  while (true) {
    size_t best_rank = rules.merges.size(), best = 0;
    for (size_t i = 0; i + 1 < ids.size(); ++i)
      for (size_t rank = 0; rank < best_rank; ++rank)
        if (rules.merges[rank] == std::pair(ids[i], ids[i + 1])) {
          best_rank = rank;
          best = i;
        }
    if (best_rank == rules.merges.size()) return ids;
    ids[best] = rules.merged[best_rank];
    ids.erase(ids.begin() + static_cast<int64_t>(best) + 1);
  }
}

TEST(BpeModel, EqualsTheSearchForTheLowestRank) {
  std::mt19937_64 rng(1);
  for (int round = 0; round < 30; ++round) {
    const BpeRules rules = random_rules(rng);
    const BpeModel model(rules, std::vector<bool>(rules.pieces.size()));
    for (const size_t length : {0, 1, 2, 3, 7, 20, 47, 48, 49, 50, 90, 200}) {
      std::string word;
      while (word.size() < length) word.push_back("aabbccd"[rng() % 7]);
      for (int again = 0; again < 2; ++again) {  // the second time from the cache
        std::vector<int32_t> ids;
        model.encode_word(word, ids);
        ASSERT_EQ(ids, merge_slowly(rules, word)) << word;
      }
    }
  }
}

TEST(BpeModel, AWordOfMegabytesIsNotQuadratic) {
  std::mt19937_64 rng(2);
  const BpeRules rules = random_rules(rng);
  const BpeModel model(rules, std::vector<bool>(rules.pieces.size()));
  const std::string word(4 << 20, 'a');  // a quadratic merge would not end
  std::vector<int32_t> ids;
  model.encode_word(word, ids);
  std::string joined;
  for (const int32_t id : ids) joined += rules.pieces[id];
  EXPECT_EQ(joined, word);
}

TEST(ByteLevel, TheTableIsABijection) {
  for (int byte = 0; byte < 256; ++byte) {
    const std::string bytes(1, static_cast<char>(byte));
    EXPECT_EQ(bytes_of_piece(piece_of_bytes(bytes)), bytes);
  }
  EXPECT_EQ(piece_of_bytes(" \n"), "\u0120\u010a");
  EXPECT_EQ(bytes_of_piece("\uac00"), std::nullopt);
}

}  // namespace
}  // namespace llm::text
