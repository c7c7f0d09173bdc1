// Oracle: the exact distribution in fp64 (naive_sampling.h), by chi-square over many draws.
#include "llm/generate/sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>

#include "llm/core/error.h"
#include "unit/generate/naive_sampling.h"

namespace llm::generate {
namespace {

using testing::naive_distribution;

SamplingConfig plain() {
  SamplingConfig config;
  config.temperature = 1;
  config.top_k = 0;
  config.top_p = 1;
  config.min_p = 0;
  return config;
}

std::vector<float> spread_logits(size_t count, uint64_t seed) {
  core::PhiloxStream random(seed);
  std::vector<float> logits(count);
  for (float& z : logits) z = static_cast<float>(1.5 * random.next_normal());
  return logits;
}

// The value that chi-square with that many degrees of freedom exceeds once in a million times
// (Wilson and Hilferty's approximation).
double chi_square_limit(double degrees) {
  const double spread = 2.0 / (9.0 * degrees);
  return degrees * std::pow(1.0 - spread + 4.753 * std::sqrt(spread), 3);
}

void expect_draws_follow(const SamplingConfig& config, const std::vector<float>& logits,
                         const std::vector<int32_t>& history) {
  constexpr int kDraws = 20000;
  const auto expected = naive_distribution(logits, config, history);
  std::map<int32_t, int> counts;
  Sampler sampler(config, 7);
  for (int i = 0; i < kDraws; ++i) ++counts[sampler.sample(logits, history)];
  for (const auto& [id, unused] : counts) EXPECT_TRUE(expected.contains(id)) << id;
  double chi_square = 0;
  for (const auto& [id, probability] : expected) {
    const double mean = kDraws * probability;
    chi_square += (counts[id] - mean) * (counts[id] - mean) / mean;
  }
  const auto degrees = static_cast<double>(expected.size()) - 1;
  EXPECT_LE(chi_square, degrees == 0 ? 0 : chi_square_limit(degrees));
}

TEST(Sampler, DrawsFromTheExactDistribution) {
  const auto logits = spread_logits(24, 1);
  const std::vector<int32_t> history = {3, 3, 5, 0};
  std::vector<SamplingConfig> configs(9, plain());
  configs[1].temperature = 0.6;
  configs[2].temperature = 1.7;
  configs[3].top_k = 5;
  configs[4].top_p = 0.7;
  configs[5].min_p = 0.2;
  configs[6].repeat_penalty = 1.5;
  configs[6].presence_penalty = 0.3;
  configs[6].frequency_penalty = 0.2;
  configs[7] = SamplingConfig{};
  configs[8] = configs[6];
  configs[8].temperature = 0.8;
  configs[8].top_k = 12;
  configs[8].top_p = 0.9;
  configs[8].min_p = 0.05;
  for (size_t i = 0; i < configs.size(); ++i) {
    SCOPED_TRACE(i);
    expect_draws_follow(configs[i], logits, history);
  }
}

TEST(Sampler, FiltersRunBeforeTheTemperature) {
  // At temperature 1 the first token alone reaches 0.6; a flat distribution would keep others.
  const std::vector<float> logits = {2.0F, 1.0F, 0.0F};
  SamplingConfig config = plain();
  config.temperature = 100;
  config.top_p = 0.6;
  Sampler sampler(config, 1);
  for (int i = 0; i < 200; ++i) EXPECT_EQ(sampler.sample(logits, {}), 0);
}

TEST(Sampler, TemperatureZeroIsTheArgmaxAfterPenalties) {
  const std::vector<float> logits = {1.0F, 4.0F, 3.9F};
  SamplingConfig config = plain();
  config.temperature = 0;
  EXPECT_EQ(Sampler(config, 1).sample(logits, std::vector<int32_t>{1}), 1);
  config.repeat_penalty = 1.2;
  EXPECT_EQ(Sampler(config, 1).sample(logits, std::vector<int32_t>{1}), 2);
}

TEST(Sampler, SameSeedSameTokens) {
  const auto logits = spread_logits(1000, 2);
  auto draw = [&](uint64_t seed) {
    Sampler sampler(plain(), seed);
    std::vector<int32_t> ids;
    for (int i = 0; i < 50; ++i) ids.push_back(sampler.sample(logits, {}));
    return ids;
  };
  EXPECT_EQ(draw(11), draw(11));
  EXPECT_NE(draw(11), draw(12));
}

TEST(Sampler, NeverDrawsAMaskedToken) {
  std::vector<float> logits(100, -std::numeric_limits<float>::infinity());
  logits[40] = 0.0F;
  logits[60] = 0.0F;
  Sampler sampler(plain(), 3);
  for (int i = 0; i < 500; ++i) {
    const int32_t id = sampler.sample(logits, {});
    EXPECT_TRUE(id == 40 || id == 60) << id;
  }
}

TEST(Sampler, RefusesSettingsOutOfRange) {
  const std::vector<void (*)(SamplingConfig&)> mistakes = {[](SamplingConfig& c) { c.temperature = -1; },
                                                           [](SamplingConfig& c) { c.top_k = -1; },
                                                           [](SamplingConfig& c) { c.top_p = 0; },
                                                           [](SamplingConfig& c) { c.top_p = 1.1; },
                                                           [](SamplingConfig& c) { c.min_p = 1.5; },
                                                           [](SamplingConfig& c) { c.repeat_penalty = 0; },
                                                           [](SamplingConfig& c) { c.repeat_last_n = -2; }};
  for (auto* mistake : mistakes) {
    SamplingConfig config;
    mistake(config);
    EXPECT_THROW(Sampler(config, 1), core::ConfigError);
  }
}

TEST(SamplingConfig, AGivenSeedIsKept) {
  SamplingConfig config;
  config.seed = 42;
  EXPECT_EQ(resolve_seed(config), 42U);
}

}  // namespace
}  // namespace llm::generate
