// Oracle: the arena itself, which the buckets must cover once, and the layers' order of completion.
#include "llm/optim/gradient_buckets.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "support/tiny_config.h"

namespace llm::optim {
namespace {

std::vector<GradientBucket> buckets_of(const arch::ModelConfig& config, int64_t bytes) {
  const tensor::ParameterStore store(arch::parameter_specs(config), tensor::StoreOptions{});
  auto buckets = gradient_buckets(store, bytes);
  EXPECT_TRUE(std::is_sorted(buckets.begin(), buckets.end(),
                             [](const auto& a, const auto& b) { return a.layer > b.layer; }));
  auto by_place = buckets;
  std::sort(by_place.begin(), by_place.end(),
            [](const auto& a, const auto& b) { return a.offset < b.offset; });
  int64_t end = 0;
  for (const GradientBucket& bucket : by_place) {
    EXPECT_EQ(bucket.offset, end);
    end += bucket.numel;
  }
  EXPECT_EQ(end, store.arena_numel());
  return buckets;
}

TEST(GradientBuckets, CoverTheArenaOnceAtEverySize) {
  for (const bool tied : {true, false}) {
    auto config = test::tiny_config();
    config.tie_word_embeddings = tied;
    size_t before = SIZE_MAX;
    for (const int64_t bytes : {1, 1000, 10'000, 1'000'000'000}) {
      const auto buckets = buckets_of(config, bytes);
      EXPECT_LE(buckets.size(), before);
      before = buckets.size();
    }
    // All that the layers and what lies above them complete, and the embedding.
    EXPECT_EQ(before, 2);
  }
}

TEST(GradientBuckets, NoBucketIsLargerThanAskedUnlessItIsOneLeaf) {
  constexpr int64_t kBytes = 8000;
  const auto config = test::tiny_config();
  const tensor::ParameterStore store(arch::parameter_specs(config), tensor::StoreOptions{});
  for (const GradientBucket& bucket : gradient_buckets(store, kBytes)) {
    int64_t leaves = 0;
    for (const auto& leaf : store.leaves()) {
      leaves += leaf.offset >= bucket.offset && leaf.offset < bucket.offset + bucket.numel ? 1 : 0;
    }
    EXPECT_TRUE(bucket.numel * 4 <= kBytes || leaves == 1);
  }
}

// Every bucket but a table's is whole layers, in the order of the backward pass.
TEST(GradientBuckets, LayersAreWhole) {
  for (const bool tied : {true, false}) {
    for (const int64_t bytes : {1, 100'000, 1'000'000'000}) {
      auto config = test::tiny_config();
      config.num_hidden_layers = 4;
      config.tie_word_embeddings = tied;
      const tensor::ParameterStore store(arch::parameter_specs(config), tensor::StoreOptions{});
      const auto buckets = layer_buckets(store, bytes);
      int64_t begin = store.arena_numel();
      std::vector<int64_t> found;  // places of all leaves, by bucket
      for (const GradientBucket& bucket : buckets) {
        EXPECT_EQ(bucket.offset + bucket.numel, begin);
        begin = bucket.offset;
        EXPECT_GE(bucket.first_writer, bucket.layer);
        for (const auto& range : store.parameters()) {
          if (range.offset < bucket.offset || range.offset >= bucket.offset + bucket.numel)
            continue;
          const auto kind = range.spec.kind;
          const bool is_table =
              kind == arch::ParameterKind::kEmbedding || kind == arch::ParameterKind::kHead;
          EXPECT_EQ(bucket.is_table, is_table) << range.spec.name;
          if (range.spec.layer < 0) continue;
          EXPECT_LE(bucket.layer, range.spec.layer);
          EXPECT_GE(bucket.first_writer, range.spec.layer);
        }
        found.push_back(bucket.layer);
      }
      EXPECT_EQ(begin, 0);
      EXPECT_TRUE(std::is_sorted(found.rbegin(), found.rend()));
      EXPECT_EQ(found.size(), (bytes == 1 ? 4U : bytes == 100'000 ? 2U : 1U) + (tied ? 1U : 2U));
      // Tied: the head's product is the first to write the embedding.
      EXPECT_EQ(buckets.back().first_writer, tied ? kAboveLayers : kBelowLayers);
    }
  }
}

}  // namespace
}  // namespace llm::optim
