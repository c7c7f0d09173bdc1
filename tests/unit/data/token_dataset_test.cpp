// Oracle: documents held in plain vectors, cut into windows by a naive loop.
#include "llm/data/token_dataset.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "llm/core/error.h"
#include "llm/core/rng.h"
#include "llm/data/data_loader.h"
#include "support/error_text.h"
#include "support/temp_directory.h"

namespace llm::data {
namespace {

constexpr uint64_t kFingerprint = 42;

using Documents = std::vector<std::vector<int32_t>>;

Documents random_documents(uint64_t seed, size_t count, uint64_t longest) {
  core::PhiloxStream random(seed);
  Documents documents(count);
  for (auto& document : documents) {
    document.resize(1 + random.next_below(longest));
    for (auto& id : document) id = static_cast<int32_t>(random.next_below(1000));
  }
  return documents;
}

std::filesystem::path write_shard(const std::filesystem::path& path, const Documents& documents) {
  io::TokenShardWriter writer(
      path, {.bytes_per_id = 2, .tokenizer_fingerprint = kFingerprint, .vocab_size = 1000});
  for (size_t i = 0; i < documents.size(); ++i) writer.add_document(100 + i, documents[i]);
  writer.commit();
  return path;
}

TokenDataset::Options options_for(std::vector<std::filesystem::path> shards, int64_t context) {
  return {.shards = std::move(shards),
          .context_length = context,
          .tokenizer_fingerprint = kFingerprint,
          .tokenizer_name = "test"};
}

struct FlatToken {
  int32_t id;
  int64_t target;
  size_t document;
};

std::vector<FlatToken> flatten(const Documents& documents) {
  std::vector<FlatToken> flat;
  for (size_t d = 0; d < documents.size(); ++d) {
    for (size_t i = 0; i < documents[d].size(); ++i) {
      flat.push_back(
          {documents[d][i], i + 1 < documents[d].size() ? documents[d][i + 1] : kIgnoreTarget, d});
    }
  }
  return flat;
}

TEST(TokenDataset, RowsAreTheWindowsOfEachShard) {
  const test::TempDirectory folder;
  for (uint64_t seed = 0; seed < 8; ++seed) {
    const Documents first = random_documents(seed, 40, 30),
                    second = random_documents(seed + 100, 25, 90);
    const int64_t context = 7 + static_cast<int64_t>(seed) * 9;
    const TokenDataset dataset(options_for(
        {write_shard(folder.path() / "a.bin", first), write_shard(folder.path() / "b.bin", second)},
        context));
    int64_t row_index = 0;
    int64_t most_documents = 0;
    for (const auto& documents : {first, second}) {
      const auto flat = flatten(documents);
      for (size_t begin = 0; begin + static_cast<size_t>(context) <= flat.size();
           begin += static_cast<size_t>(context)) {
        const Row row = dataset.row(row_index++);
        size_t token = 0;
        ASSERT_EQ(row.document_lengths.size(), row.document_ids.size());
        most_documents =
            std::max<int64_t>(most_documents, static_cast<int64_t>(row.document_ids.size()));
        for (size_t piece = 0; piece < row.document_lengths.size(); ++piece) {
          for (int32_t i = 0; i < row.document_lengths[piece]; ++i, ++token) {
            ASSERT_EQ(row.ids[token], flat[begin + token].id);
            ASSERT_EQ(row.targets[token], flat[begin + token].target)
                << "row " << row_index - 1 << " token " << token;
            ASSERT_EQ(row.document_ids[piece], 100 + flat[begin + token].document);
          }
        }
        ASSERT_EQ(token, static_cast<size_t>(context));
      }
    }
    EXPECT_EQ(dataset.num_rows(), row_index);
    EXPECT_EQ(dataset.max_documents_per_row(), most_documents);
  }
}

TEST(TokenDataset, RefusesShardsOfAnotherTokenizer) {
  const test::TempDirectory folder;
  auto options =
      options_for({write_shard(folder.path() / "a.bin", random_documents(1, 10, 30))}, 8);
  options.tokenizer_fingerprint = 43;
  EXPECT_THROW(TokenDataset{options}, core::DataError);
}

TEST(TokenDataset, RefusesAShardWithOneChangedIdByName) {
  const test::TempDirectory folder;
  const auto path = write_shard(folder.path() / "a.bin", random_documents(1, 50, 30));
  {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(128 + 2 * 20);
    file.write("\xFF\xFF", 2);
  }
  const std::string message =
      test::error_text<core::FormatError>([&] { TokenDataset{options_for({path}, 8)}; });
  EXPECT_NE(message.find("a.bin: expected checksum"), std::string::npos) << message;
}

TEST(TokenDataset, TellsHowMuchItHasVerified) {
  const test::TempDirectory folder;
  const auto a = write_shard(folder.path() / "a.bin", random_documents(1, 50, 30));
  const auto b = write_shard(folder.path() / "b.bin", random_documents(2, 30, 30));
  auto options = options_for({a, b}, 8);
  uint64_t verified = 0;
  options.on_verified = [&](uint64_t bytes) { verified += bytes; };
  const TokenDataset dataset(options);
  EXPECT_EQ(verified, std::filesystem::file_size(a) + std::filesystem::file_size(b));
}

TEST(TokenDataset, RefusesDataShorterThanOneRow) {
  const test::TempDirectory folder;
  EXPECT_THROW(TokenDataset(options_for(
                   {write_shard(folder.path() / "a.bin", random_documents(1, 3, 5))}, 64)),
               core::DataError);
}

class LoaderTest : public testing::Test {
 protected:
  test::TempDirectory folder_;
  TokenDataset dataset_{
      options_for({write_shard(folder_.path() / "a.bin", random_documents(3, 200, 30))}, 16)};
  TokenRows rows_{dataset_, 5, true};
};

std::vector<int32_t> ids_of(const at::Tensor& ids) {
  const at::Tensor flat = ids.contiguous();
  return {flat.const_data_ptr<int32_t>(), flat.const_data_ptr<int32_t>() + flat.numel()};
}

TEST_F(LoaderTest, EveryEpochHoldsEveryRowOnce) {
  const TokenRows in_order(dataset_, 7, false), shuffled(dataset_, 7, true);
  const auto rows_of = [&](const TokenRows& rows, int64_t epoch) {
    std::vector<std::vector<int32_t>> ids;
    for (int64_t i = 0; i < rows.rows_in_epoch(epoch); ++i) {
      const RowPlace place = rows.place_at(epoch * dataset_.num_rows() + i);
      EXPECT_EQ(place.epoch, epoch);
      ids.push_back(rows.row(place).ids);
    }
    return ids;
  };
  const auto sorted = [](std::vector<std::vector<int32_t>> rows) {
    std::ranges::sort(rows);
    return rows;
  };
  const auto all = rows_of(in_order, 0);
  for (int64_t epoch = 0; epoch < 3; ++epoch) {
    EXPECT_NE(rows_of(shuffled, epoch), all);
    EXPECT_EQ(sorted(rows_of(shuffled, epoch)), sorted(all));
  }
  EXPECT_NE(rows_of(shuffled, 0), rows_of(shuffled, 1));
  EXPECT_DOUBLE_EQ(
      shuffled.epochs_at(dataset_.num_rows() / 2 + dataset_.num_rows()),
      1 + static_cast<double>(dataset_.num_rows() / 2) / static_cast<double>(dataset_.num_rows()));
}

TEST_F(LoaderTest, ARestartedLoaderGoesOnAsTheUninterruptedOne) {
  const LoaderConfig config{.rows_per_batch = 3, .batches_per_step = 2};
  DataLoader whole(rows_, config, 0);
  for (int i = 0; i < 20; ++i) {
    const int64_t state = whole.state();
    const auto expected = whole.next_step();
    DataLoader restarted(rows_, config, state);
    const auto again = restarted.next_step();
    ASSERT_EQ(again.size(), 2);
    for (size_t k = 0; k < 2; ++k) EXPECT_EQ(ids_of(again[k].ids), ids_of(expected[k].ids));
  }
}

TEST_F(LoaderTest, RanksDealTheMicroBatchesOfAStepAmongThemselves) {
  constexpr int64_t kBatches = 5;
  DataLoader single(rows_, {.rows_per_batch = 2, .batches_per_step = kBatches, .prefetch = 0},
                    /*next_row=*/0);
  std::vector<std::unique_ptr<DataLoader>> ranks;
  constexpr int64_t kRanks = 7;  // two of them have nothing to do
  for (const int64_t world_size : {int64_t{3}, kRanks}) {
    for (int64_t rank = 0; rank < world_size; ++rank) {
      ranks.push_back(std::make_unique<DataLoader>(rows_,
                                                   LoaderConfig{.rows_per_batch = 2,
                                                                .batches_per_step = kBatches,
                                                                .rank = rank,
                                                                .world_size = world_size},
                                                   single.state()));
    }
    for (int step = 0; step < 10; ++step) {
      const auto whole = single.next_step();
      ASSERT_EQ(whole.size(), kBatches);
      for (int64_t rank = 0; rank < world_size; ++rank) {
        const auto own = ranks[static_cast<size_t>(rank)]->next_step();
        ASSERT_EQ(static_cast<int64_t>(own.size()),
                  rank < kBatches ? (kBatches - rank - 1) / world_size + 1 : 0);
        for (size_t k = 0; k < own.size(); ++k) {
          const auto index = static_cast<size_t>(rank) + k * static_cast<size_t>(world_size);
          EXPECT_EQ(ids_of(own[k].ids), ids_of(whole[index].ids));
        }
        EXPECT_EQ(ranks[static_cast<size_t>(rank)]->state(), single.state());
      }
    }
    ranks.clear();
  }
}

TEST_F(LoaderTest, BatchesHaveOneCapacityAndConsistentBorders) {
  DataLoader loader(rows_, {.rows_per_batch = 4}, 0);
  for (int i = 0; i < 30; ++i) {
    const Batch batch = loader.next_step().front();
    EXPECT_EQ(batch.cu_seqlens.size(0), 4 * dataset_.max_documents_per_row() + 1);
    const auto borders = ids_of(batch.cu_seqlens);
    EXPECT_EQ(borders.back(), batch.num_tokens());
    const auto positions = ids_of(batch.positions);
    for (int64_t d = 0; d < batch.num_documents; ++d) {
      const auto k = static_cast<size_t>(d);
      ASSERT_EQ(borders[k + 1] - borders[k], batch.document_lengths[k]);
      for (int32_t t = borders[k]; t < borders[k + 1]; ++t)
        ASSERT_EQ(positions[static_cast<size_t>(t)], t - borders[k]);
    }
    EXPECT_EQ(batch.num_trained, (batch.targets != kIgnoreTarget).sum().item<int64_t>());
  }
}

}  // namespace
}  // namespace llm::data
