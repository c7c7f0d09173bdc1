// Oracle: counts by hand, and the same documents counted twice: as text and as shards.
#include "llm/corpus/stats.h"

#include <gtest/gtest.h>

#include <numeric>

#include "llm/corpus/prepare.h"
#include "unit/corpus/corpus_fixture.h"

namespace llm::corpus {
namespace {

TEST(Stats, HistogramBucketsArePowersOfTwo) {
  LengthHistogram lengths;
  for (const uint64_t length : {0, 1, 2, 3, 4, 7, 8}) lengths.add(length);
  EXPECT_EQ(lengths.buckets[0], 1u);
  EXPECT_EQ(lengths.buckets[1], 1u);
  EXPECT_EQ(lengths.buckets[2], 2u);
  EXPECT_EQ(lengths.buckets[3], 2u);
  EXPECT_EQ(lengths.buckets[4], 1u);
  EXPECT_EQ(lengths.smallest, 0u);
  EXPECT_EQ(lengths.largest, 8u);
  EXPECT_DOUBLE_EQ(lengths.mean(), 25.0 / 7);
}

TEST(Stats, MostFrequentOrdersByCountThenId) {
  const auto tokens = most_frequent({5, 0, 9, 5, 1}, 3);
  ASSERT_EQ(tokens.size(), 3u);
  EXPECT_EQ(tokens[0].id, 2);
  EXPECT_EQ(tokens[1].id, 0);
  EXPECT_EQ(tokens[2].id, 3);
  EXPECT_EQ(most_frequent({0, 0}, 3).size(), 0u);
}

TEST(Stats, ShardsAndTextAgree) {
  const test::TempDirectory dir;
  const auto texts = random_texts(1500, 21);
  PrepareConfig config;
  config.input = {dir.file("in.jsonl", to_jsonl(texts)).string()};
  config.tokenizer = make_tokenizer(dir).string();
  config.out = (dir / "out").string();
  config.max_tokens_per_shard = 3000;
  const CorpusStats shards = dataset_stats(prepare(config, {.num_threads = 2}));

  const auto tokenizer = text::load_tokenizer(config.tokenizer);
  const auto files = find_input_files(config.input, DocumentFormat::kAuto);
  const CorpusStats text = input_stats(files, {}, tokenizer.get(), 3);
  EXPECT_EQ(shards.documents, texts.size());
  EXPECT_EQ(text.documents, texts.size());
  EXPECT_EQ(text.bytes, shards.bytes);
  EXPECT_EQ(text.tokens + texts.size(), shards.tokens);  // EOS
  EXPECT_EQ(text.lengths.sum, text.tokens);
  EXPECT_EQ(shards.lengths.sum, shards.tokens);
  EXPECT_EQ(shards.lengths.largest, text.lengths.largest + 1);
  auto with_eos = text.token_counts;
  with_eos[static_cast<size_t>(*tokenizer->eos_id())] += texts.size();
  EXPECT_EQ(with_eos, shards.token_counts);

  const CorpusStats plain = input_stats(files, {}, nullptr, 1);
  EXPECT_EQ(plain.tokens, 0u);
  EXPECT_EQ(plain.lengths.sum, plain.bytes);
  EXPECT_TRUE(plain.token_counts.empty());
}

}  // namespace
}  // namespace llm::corpus
