// Oracle: properties of a split by hash, checked on the shards read back.
#include "corpus/split_writer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "support/temp_directory.h"

namespace llm::corpus {
namespace {

struct Splits {
  DatasetSplit train;
  DatasetSplit validation;
};

class SplitWriterTest : public testing::Test {
 protected:
  Splits write(const std::vector<uint64_t>& ids) {
    const auto folder = dir_ / std::to_string(round_++);
    std::filesystem::create_directory(folder);
    SplitWriter writer(folder, options_);
    for (const uint64_t id : ids) {
      writer.add({id, std::vector<int32_t>(1 + id % 5, static_cast<int32_t>(id % 100)), 3, 0});
    }
    Splits splits;
    writer.finish(splits.train, splits.validation);
    return splits;
  }

  static std::vector<uint64_t> ids_of(const DatasetSplit& split) {
    std::vector<uint64_t> ids;
    for (const DatasetShard& entry : split.shards) {
      const io::TokenShard shard(entry.path);
      for (uint64_t i = 0; i < shard.info().num_documents; ++i) {
        ids.push_back(shard.document_id(i));
      }
    }
    return ids;
  }

  static std::vector<uint64_t> random_ids(size_t count, unsigned seed) {
    std::mt19937_64 random(seed);
    std::vector<uint64_t> ids;
    for (size_t i = 0; i < count; ++i) ids.push_back(random());
    return ids;
  }

  test::TempDirectory dir_;
  int round_ = 0;
  SplitWriter::Options options_{
      .shard = {.vocab_size = 100}, .max_tokens_per_shard = 1000, .validation_fraction = 0.05};
};

TEST_F(SplitWriterTest, KeepsOrderAndEqualDocumentsTogether) {
  auto ids = random_ids(2000, 3);
  ids.insert(ids.end(), ids.begin(), ids.begin() + 500);  // copies
  const Splits splits = write(ids);
  const auto train = ids_of(splits.train), validation = ids_of(splits.validation);
  const std::set<uint64_t> held(validation.begin(), validation.end());
  std::vector<uint64_t> expected_train, expected_validation;
  for (const uint64_t id : ids)
    (held.count(id) ? expected_validation : expected_train).push_back(id);
  EXPECT_EQ(train, expected_train);
  EXPECT_EQ(validation, expected_validation);
  // 5 % of 2000 with a binomial standard deviation of 9.7.
  EXPECT_NEAR(static_cast<double>(held.size()), 100, 50);
}

TEST_F(SplitWriterTest, AnotherSeedSetsOthersAside) {
  const auto ids = random_ids(1000, 4);
  const auto first = ids_of(write(ids).validation);
  EXPECT_EQ(first, ids_of(write(ids).validation));
  options_.seed = 1;
  EXPECT_NE(first, ids_of(write(ids).validation));
}

TEST_F(SplitWriterTest, BothSidesHaveADocumentWhenThereAreTwo) {
  for (const double fraction : {0.0001, 0.9999}) {
    options_.validation_fraction = fraction;
    for (unsigned seed = 0; seed < 20; ++seed) {
      auto ids = random_ids(2 + seed % 4, seed);
      ids.push_back(ids.front());
      const Splits splits = write(ids);
      EXPECT_GT(splits.train.documents, 0u);
      EXPECT_GT(splits.validation.documents, 0u);
      EXPECT_EQ(splits.train.documents + splits.validation.documents, ids.size());
      const auto train = ids_of(splits.train), validation = ids_of(splits.validation);
      for (const uint64_t id : validation) EXPECT_EQ(std::ranges::count(train, id), 0);
    }
  }
}

TEST_F(SplitWriterTest, OneDocumentIsForTraining) {
  for (const double fraction : {0.0001, 0.9999}) {
    options_.validation_fraction = fraction;
    const Splits splits = write({42, 42, 42});
    EXPECT_EQ(splits.train.documents, 3u);
    EXPECT_EQ(splits.validation.documents, 0u);
    EXPECT_TRUE(splits.validation.shards.empty());
  }
}

TEST_F(SplitWriterTest, NothingIsSetAsideAtZero) {
  options_.validation_fraction = 0;
  const Splits splits = write(random_ids(300, 5));
  EXPECT_EQ(splits.train.documents, 300u);
  EXPECT_EQ(splits.validation.documents, 0u);
}

TEST_F(SplitWriterTest, DocumentsAreHeldBackOnlyUpToTheLimit) {
  options_.validation_fraction = 1e-15;
  options_.max_held_tokens = 50;
  const auto ids = random_ids(500, 6);
  const Splits splits = write(ids);
  ASSERT_EQ(splits.validation.documents, 1u);
  const uint64_t chosen = ids_of(splits.validation)[0];
  const auto end = ids.begin() + 51;  // every document has at least one token
  EXPECT_NE(std::find(ids.begin(), end, chosen), end);
}

TEST_F(SplitWriterTest, ShardsEndBeforeTheLimitAndNeverInsideADocument) {
  options_.validation_fraction = 0;
  options_.max_tokens_per_shard = 4;  // less than the longest documents
  const auto ids = random_ids(200, 7);
  const Splits splits = write(ids);
  uint64_t tokens = 0;
  for (const DatasetShard& shard : splits.train.shards) {
    EXPECT_TRUE(shard.tokens <= 4 || shard.documents == 1);
    EXPECT_EQ(shard.file_bytes, std::filesystem::file_size(shard.path));
    io::TokenShard(shard.path).verify();
    tokens += shard.tokens;
  }
  EXPECT_EQ(tokens, splits.train.tokens);
  EXPECT_EQ(ids_of(splits.train), ids);
  EXPECT_EQ(splits.train.text_bytes, 3 * ids.size());
}

}  // namespace
}  // namespace llm::corpus
