// Oracle: naive filters in fp64 with full sorts (naive_sampling.h), on random logits of many sizes.
#include "llm/generate/filters.h"

#include <gtest/gtest.h>

#include <limits>
#include <set>

#include "llm/core/error.h"
#include "llm/core/rng.h"
#include "unit/generate/naive_sampling.h"

namespace llm::generate {
namespace {

using namespace testing;  // NOLINT: the naive oracle

std::vector<float> random_logits(size_t count, uint64_t seed, double spread = 3.0) {
  core::PhiloxStream random(seed);
  std::vector<float> logits(count);
  for (float& z : logits) z = static_cast<float>(spread * random.next_normal());
  return logits;
}

std::set<int32_t> ids_of(const Candidates& candidates) {
  std::set<int32_t> ids;
  for (const Candidate& c : candidates.items()) ids.insert(c.id);
  return ids;
}

std::set<int32_t> ids_of(const NaiveTokens& tokens) {
  std::set<int32_t> ids;
  for (const auto& t : tokens) ids.insert(t.id);
  return ids;
}

Candidates candidates_of(const std::vector<float>& logits) {
  Candidates candidates;
  candidates.assign(logits);
  return candidates;
}

const std::vector<size_t> kSizes = {1, 2, 3, 50, 63, 64, 65, 300, 5000};

TEST(Filters, TopKKeepsTheLikeliest) {
  for (size_t size : kSizes) {
    const auto logits = random_logits(size, size);
    for (int64_t k : {1, 2, 40, 64, 257, 1000, 100000}) {
      Candidates candidates = candidates_of(logits);
      TopK(k).apply(candidates, {});
      EXPECT_EQ(ids_of(candidates), ids_of(naive_top_k(naive_tokens(logits), k)))
          << size << " " << k;
    }
  }
}

TEST(Filters, TopPKeepsTheShortestRunThatReachesP) {
  for (size_t size : kSizes) {
    for (double spread : {0.01, 1.0, 8.0}) {
      const auto logits = random_logits(size, size, spread);
      for (double p : {1e-6, 0.1, 0.5, 0.9, 0.95, 0.999}) {
        Candidates candidates = candidates_of(logits);
        TopP(p).apply(candidates, {});
        EXPECT_EQ(ids_of(candidates), ids_of(naive_top_p(naive_tokens(logits), p)))
            << size << " " << spread << " " << p;
      }
    }
  }
}

TEST(Filters, MinPKeepsAShareOfTheLikeliest) {
  for (size_t size : kSizes) {
    const auto logits = random_logits(size, size);
    for (double p : {1e-6, 0.05, 0.5, 1.0}) {
      Candidates candidates = candidates_of(logits);
      MinP(p).apply(candidates, {});
      EXPECT_EQ(ids_of(candidates), ids_of(naive_min_p(naive_tokens(logits), p)))
          << size << " " << p;
    }
  }
}

TEST(Filters, TopPAfterMinPSeesItsOrderAndSum) {
  const auto logits = random_logits(3000, 9);
  Candidates candidates = candidates_of(logits);
  candidates.sort_first(10);
  MinP(0.01).apply(candidates, {});
  TopP(0.8).apply(candidates, {});
  EXPECT_EQ(ids_of(candidates), ids_of(naive_top_p(naive_min_p(naive_tokens(logits), 0.01), 0.8)));
}

TEST(Filters, PenaltiesTouchRecentTokensOnly) {
  const auto logits = random_logits(30, 4);
  const std::vector<int32_t> history = {7, 1, 2, 2, 3, 29, 2, 1};
  SamplingConfig config;
  config.repeat_penalty = 1.3;
  config.presence_penalty = 0.4;
  config.frequency_penalty = 0.25;
  for (int64_t last_n : {-1, 1, 3, 7, 100}) {
    config.repeat_last_n = last_n;
    Candidates candidates = candidates_of(logits);
    Penalties({1.3, 0.4, 0.25, last_n}).apply(candidates, history);
    const auto expected = naive_penalties(naive_tokens(logits), config, history);
    for (size_t i = 0; i < logits.size(); ++i) {
      EXPECT_NEAR(candidates[i].logit, expected[i].logit, 1e-5) << last_n << " " << i;
    }
  }
}

TEST(Filters, EqualLogitsAreOrderedById) {
  Candidates candidates = candidates_of(std::vector<float>(500, 1.5F));
  TopK(3).apply(candidates, {});
  EXPECT_EQ(ids_of(candidates), (std::set<int32_t>{0, 1, 2}));
}

TEST(Filters, TemperatureZeroLeavesTheLikeliest) {
  Candidates candidates = candidates_of({0.5F, 2.0F, -1.0F, 2.0F});
  Temperature(0).apply(candidates, {});
  EXPECT_EQ(ids_of(candidates), (std::set<int32_t>{1}));
}

TEST(Filters, ATinyTemperatureStaysFinite) {
  Candidates candidates = candidates_of({0.5F, 2.0F, -1.0F});
  Temperature(1e-40).apply(candidates, {});
  candidates.sort_first(3);
  EXPECT_EQ(candidates[0].id, 1);
  EXPECT_EQ(candidates[0].logit, 0.0F);
}

TEST(Candidates, MaskedTokensAreAllowedAndOthersAreNot) {
  const float inf = std::numeric_limits<float>::infinity();
  Candidates candidates;
  EXPECT_NO_THROW(candidates.assign(std::vector<float>{-inf, 1.0F}));
  EXPECT_THROW(candidates.assign(std::vector<float>{-inf, -inf}), core::DataError);
  EXPECT_THROW(candidates.assign(std::vector<float>{0.0F, inf}), core::DataError);
  EXPECT_THROW(candidates.assign(std::vector<float>{0.0F, std::nanf("")}), core::DataError);
}

}  // namespace
}  // namespace llm::generate
