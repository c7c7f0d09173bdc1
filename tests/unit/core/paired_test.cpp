// Oracle: values worked out by hand and in exact integers; the scatter over many draws of samples.
#include "llm/core/paired.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "llm/core/rng.h"

namespace llm::core {
namespace {

TEST(PairedChange, IsThePairedStandardErrorForEqualWeights) {
  const std::vector<double> before{1, 2, 3, 4}, after{2, 2, 5, 7}, weights(4, 1);
  const PairedChange change = paired_change(before, after, weights);
  EXPECT_EQ(change.num_samples, 4);
  EXPECT_DOUBLE_EQ(change.before, 2.5);
  EXPECT_DOUBLE_EQ(change.after, 4);
  EXPECT_DOUBLE_EQ(change.change, 1.5);
  // sd(1, 0, 2, 3) / sqrt(4) = 1.2909944487 / 2
  EXPECT_NEAR(change.standard_error, 0.6454972244, 1e-10);
  EXPECT_NEAR(change.z(), 2.3237900077, 1e-9);
}

// A standard error that is right says how far changes scatter from one set of samples to another.
TEST(PairedChange, IsTheScatterOfARatioOverDrawsOfSamples) {
  constexpr int kDraws = 2000, kSamples = 100;
  PhiloxStream rng(7);
  double sum = 0, squares = 0, errors = 0;
  for (int draw = 0; draw < kDraws; ++draw) {
    std::vector<double> before, after, weights;
    for (int i = 0; i < kSamples; ++i) {
      const double weight = 1 + std::floor(20 * rng.next_double());
      before.push_back(weight * 2);
      after.push_back(weight * (1.5 + rng.next_double()) + 3 * (rng.next_double() - 0.5));
      weights.push_back(weight);
    }
    const PairedChange change = paired_change(before, after, weights);
    sum += change.change;
    squares += change.change * change.change;
    errors += change.standard_error;
  }
  const double scatter = std::sqrt(squares / kDraws - (sum / kDraws) * (sum / kDraws));
  EXPECT_NEAR(errors / kDraws, scatter, 0.06 * scatter);
}

TEST(PairedChange, HasNoErrorForOneSample) {
  const std::vector<double> one{1};
  EXPECT_TRUE(std::isnan(paired_change(one, one, one).standard_error));
}

TEST(McNemar, HasTheExactProbabilities) {
  EXPECT_DOUBLE_EQ(mcnemar_p(0, 0), 1);
  EXPECT_DOUBLE_EQ(mcnemar_p(5, 5), 1);
  EXPECT_NEAR(mcnemar_p(8, 1), 0.0390625, 1e-12);  // 2 (1 + 9) / 2^9
  EXPECT_NEAR(mcnemar_p(1, 8), 0.0390625, 1e-12);
  EXPECT_NEAR(mcnemar_p(10, 0), 0.001953125, 1e-12);  // 2 / 2^10
  // 2 * sum(comb(1000, k) for k in range(401)) / 2**1000
  EXPECT_NEAR(mcnemar_p(600, 400), 2.7284641560660184e-10, 1e-19);
}

}  // namespace
}  // namespace llm::core
