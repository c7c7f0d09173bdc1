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

}  // namespace
}  // namespace llm::optim
