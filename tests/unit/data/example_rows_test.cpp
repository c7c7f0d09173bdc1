// Oracle: the documents held in plain vectors; packing compared with what it must keep.
#include "llm/data/example_rows.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>

#include "llm/core/rng.h"
#include "support/temp_directory.h"

namespace llm::data {
namespace {

constexpr uint64_t kTokenizer = 42;

struct MaskedDocument {
  std::vector<int32_t> ids;
  std::vector<bool> trained;
};

std::vector<MaskedDocument> random_examples(uint64_t seed, size_t count, uint64_t longest) {
  core::PhiloxStream random(seed);
  std::vector<MaskedDocument> documents(count);
  for (auto& document : documents) {
    const size_t length = 2 + random.next_below(longest - 1);
    for (size_t i = 0; i < length; ++i) {
      document.ids.push_back(static_cast<int32_t>(random.next_below(1000)));
      document.trained.push_back(random.next_below(2) == 1);
    }
    document.trained.back() = true;
  }
  return documents;
}

std::filesystem::path write_examples(const std::filesystem::path& path,
                                     const std::vector<MaskedDocument>& documents) {
  io::TokenShardWriter writer(path, {.bytes_per_id = 2,
                                     .tokenizer_fingerprint = kTokenizer,
                                     .vocab_size = 1000,
                                     .has_loss_mask = true});
  for (size_t i = 0; i < documents.size(); ++i)
    writer.add_document(500 + i, documents[i].ids, documents[i].trained);
  writer.commit();
  return path;
}

class ExampleRowsTest : public testing::Test {
 protected:
  ExampleRowsOptions options(Packing packing, int64_t capacity) {
    ExampleRowsOptions out;
    out.shards = {write_examples(folder_.path() / "a.tokens", first_),
                  write_examples(folder_.path() / "b.tokens", second_)};
    out.tokenizer_fingerprint = kTokenizer;
    out.packing = packing;
    out.capacity = capacity;
    out.window = 16;
    out.seed = 3;
    return out;
  }

  const MaskedDocument& document(int64_t index) const {
    const auto i = static_cast<size_t>(index);
    return i < first_.size() ? first_[i] : second_[i - first_.size()];
  }

  // Each piece of the row is its document, with targets where the next token is trained.
  void expect_documents(const Row& row, std::map<int64_t, int>& seen) {
    size_t token = 0;
    for (size_t d = 0; d < row.samples.size(); ++d) {
      const MaskedDocument& source = document(row.samples[d]);
      ++seen[row.samples[d]];
      ASSERT_EQ(row.document_lengths[d], std::ssize(source.ids));
      EXPECT_EQ(row.sources[d], row.samples[d] < std::ssize(first_) ? 0 : 1);
      for (size_t t = 0; t < source.ids.size(); ++t, ++token) {
        ASSERT_EQ(row.ids[token], source.ids[t]);
        const bool has_target = t + 1 < source.ids.size() && source.trained[t + 1];
        ASSERT_EQ(row.targets[token], has_target ? source.ids[t + 1] : kIgnoreTarget);
      }
    }
    EXPECT_EQ(token, row.ids.size());
  }

  test::TempDirectory folder_;
  std::vector<MaskedDocument> first_ = random_examples(1, 40, 30);
  std::vector<MaskedDocument> second_ = random_examples(2, 25, 12);
};

TEST_F(ExampleRowsTest, EveryEpochHoldsEverySampleOnceAndWhole) {
  for (const Packing packing : {Packing::kBestFit, Packing::kOff}) {
    const ExampleRows rows(options(packing, 40));
    EXPECT_EQ(rows.num_samples(), 65);
    for (int64_t epoch = 0; epoch < 3; ++epoch) {
      std::map<int64_t, int> seen;
      for (int64_t i = 0; i < rows.rows_in_epoch(epoch); ++i) {
        const Row row = rows.row({epoch, i});
        EXPECT_LE(std::ssize(row.ids), 40);
        EXPECT_LE(std::ssize(row.samples), rows.max_documents_per_row());
        expect_documents(row, seen);
      }
      EXPECT_EQ(seen.size(), 65u);
      EXPECT_TRUE(std::ranges::all_of(seen, [](const auto& item) { return item.second == 1; }));
    }
  }
}

TEST_F(ExampleRowsTest, TheOrderDependsOnSeedAndEpochAlone) {
  const ExampleRows rows(options(Packing::kBestFit, 40)), again(options(Packing::kBestFit, 40));
  const auto samples_of = [](const ExampleRows& stream, int64_t epoch) {
    std::vector<int64_t> samples;
    for (int64_t i = 0; i < stream.rows_in_epoch(epoch); ++i) {
      const Row row = stream.row({epoch, i});
      samples.insert(samples.end(), row.samples.begin(), row.samples.end());
    }
    return samples;
  };
  const auto late = samples_of(rows, 5);  // before the earlier ones were asked for
  EXPECT_EQ(samples_of(again, 0), samples_of(rows, 0));
  EXPECT_EQ(samples_of(again, 5), late);
  EXPECT_NE(samples_of(rows, 0), samples_of(rows, 1));
}

TEST_F(ExampleRowsTest, PlacesRunThroughTheEpochs) {
  const ExampleRows rows(options(Packing::kBestFit, 40));
  int64_t global = 0;
  for (int64_t epoch = 0; epoch < 4; ++epoch) {
    for (int64_t i = 0; i < rows.rows_in_epoch(epoch); ++i, ++global) {
      const RowPlace place = rows.place_at(global);
      ASSERT_EQ(place.epoch, epoch);
      ASSERT_EQ(place.index, i);
    }
    EXPECT_DOUBLE_EQ(rows.epochs_at(global), static_cast<double>(epoch + 1));
  }
}

TEST_F(ExampleRowsTest, WrappedRowsAreFullAndLoseNothing) {
  auto wrapped = options(Packing::kWrapped, 17);
  wrapped.shuffle = false;
  const ExampleRows rows(wrapped);
  std::vector<int32_t> ids, expected;
  for (int64_t i = 0; i < rows.rows_in_epoch(0); ++i) {
    const Row row = rows.row({0, i});
    EXPECT_TRUE(std::ssize(row.ids) == 17 || i + 1 == rows.rows_in_epoch(0));
    EXPECT_LE(std::ssize(row.samples), rows.max_documents_per_row());
    EXPECT_EQ(std::accumulate(row.document_lengths.begin(), row.document_lengths.end(), 0),
              std::ssize(row.ids));
    ids.insert(ids.end(), row.ids.begin(), row.ids.end());
  }
  for (const auto* documents : {&first_, &second_})
    for (const auto& document : *documents)
      expected.insert(expected.end(), document.ids.begin(), document.ids.end());
  EXPECT_EQ(ids, expected);
}

TEST_F(ExampleRowsTest, PairsStayTogetherAndAnswersAreMarked) {
  second_ = random_examples(2, 24, 12);
  auto pairs = options(Packing::kBestFit, 64);
  pairs.is_preference = true;
  pairs.trains_prompts = true;
  const ExampleRows rows(pairs);
  EXPECT_EQ(rows.num_samples(), 32);
  for (int64_t i = 0; i < rows.rows_in_epoch(0); ++i) {
    const Row row = rows.row({0, i});
    ASSERT_EQ(row.samples.size() % 2, 0u);
    size_t token = 0;
    for (size_t d = 0; d < row.samples.size(); ++d) {
      EXPECT_EQ(row.samples[d] % 2, static_cast<int64_t>(d % 2));
      const MaskedDocument& source = document(row.samples[d]);
      for (size_t t = 0; t < source.ids.size(); ++t, ++token) {
        const bool has_next = t + 1 < source.ids.size();
        const bool is_answer = has_next && source.trained[t + 1];
        EXPECT_EQ(row.answers[token], is_answer ? 1 : 0);
        const bool has_target = is_answer || (has_next && d % 2 == 0);
        EXPECT_EQ(row.targets[token], has_target ? source.ids[t + 1] : kIgnoreTarget);
      }
    }
  }
}

TEST_F(ExampleRowsTest, SharedPromptsStandOnce) {
  for (auto* documents : {&first_, &second_}) {
    if (documents->size() % 2 == 1) documents->pop_back();
    for (size_t i = 0; i + 1 < documents->size(); i += 2) {
      // Prompts of i % 5 tokens (0: none), the same for both; in every sixth pair they differ.
      const size_t prompt = i % 5;
      for (size_t k = 0; k < 2; ++k) {
        auto& document = (*documents)[i + k];
        document.ids.insert(document.ids.begin(), prompt,
                            static_cast<int32_t>(i % 12 == 0 ? k : 7));
        document.trained.assign(document.ids.size(), true);
        std::fill_n(document.trained.begin(), prompt, false);
      }
    }
  }
  auto apart = options(Packing::kOff, 80);
  apart.is_preference = apart.trains_prompts = true;
  apart.shuffle = false;
  auto shared = apart;
  shared.shares_prompts = true;
  const ExampleRows whole(apart), once(shared);
  int64_t saved = 0;
  for (int64_t i = 0; i < whole.rows_in_epoch(0); ++i) {
    const Row row = whole.row({0, i}), short_row = once.row({0, i});
    const auto prefix = static_cast<size_t>(short_row.prefixes.at(1));
    saved += static_cast<int64_t>(prefix);
    ASSERT_EQ(short_row.ids.size() + prefix, row.ids.size());
    std::vector<int32_t> again = short_row.ids;
    const auto chosen = again.begin() + short_row.document_lengths[0];
    again.insert(chosen, row.ids.begin(), row.ids.begin() + static_cast<std::ptrdiff_t>(prefix));
    EXPECT_EQ(again, row.ids);
    const Batch batch = collate({row}, 4), short_batch = collate({short_row}, 4);
    EXPECT_EQ(short_batch.document_targets, batch.document_targets);
    EXPECT_EQ(short_batch.document_answers, batch.document_answers);
    EXPECT_EQ(short_batch.positions[-1].item<int>(), batch.positions[-1].item<int>());
  }
  EXPECT_GT(saved, 20);
  EXPECT_EQ(once.num_tokens() + saved, whole.num_tokens());
}

TEST_F(ExampleRowsTest, ReplayTakesItsShareOfTheTokensThroughout) {
  std::vector<MaskedDocument> text = random_examples(9, 200, 30);
  io::TokenShardWriter writer(
      folder_.path() / "text.tokens",
      {.bytes_per_id = 2, .tokenizer_fingerprint = kTokenizer, .vocab_size = 1000});
  for (size_t i = 0; i < text.size(); ++i) writer.add_document(i, text[i].ids);
  writer.commit();
  const TokenDataset dataset({.shards = {folder_.path() / "text.tokens"},
                              .context_length = 20,
                              .tokenizer_fingerprint = kTokenizer});
  auto mixed = options(Packing::kBestFit, 40);
  mixed.replay = {&dataset, 0.3};
  const ExampleRows rows(mixed);
  double replayed = 0, all = 0;
  for (int64_t i = 0; i < rows.rows_in_epoch(1); ++i) {
    const Row row = rows.row({1, i});
    all += static_cast<double>(row.ids.size());
    if (row.sources.front() == 2) replayed += static_cast<double>(row.ids.size());
    EXPECT_NEAR(replayed, 0.3 * all, 40) << i;
  }
  EXPECT_NEAR(replayed / all, 0.3, 0.02);
  EXPECT_EQ(rows.tokens_in_epoch(1), static_cast<int64_t>(all));
}

TEST(PackBestFit, IsAtMostOneRowAboveWhatTheTokensNeedOnManyShortItems) {
  core::PhiloxStream random(4);
  for (int trial = 0; trial < 20; ++trial) {
    std::vector<int64_t> lengths(300);
    for (auto& length : lengths) length = 1 + static_cast<int64_t>(random.next_below(40));
    const auto rows = pack_best_fit(lengths, 100);
    std::vector<int> seen(lengths.size(), 0);
    for (const auto& row : rows) {
      int64_t tokens = 0;
      for (const int32_t item : row) {
        tokens += lengths[static_cast<size_t>(item)];
        ++seen[static_cast<size_t>(item)];
      }
      EXPECT_LE(tokens, 100);
    }
    EXPECT_EQ(std::ranges::count(seen, 1), std::ssize(seen));
    const int64_t total = std::accumulate(lengths.begin(), lengths.end(), int64_t{0});
    EXPECT_LE(std::ssize(rows), (total + 99) / 100 + 1);
  }
}

}  // namespace
}  // namespace llm::data
