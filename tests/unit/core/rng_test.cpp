// Oracle: known-answer table of Random123 (Salmon et al. 2011), moments of the distributions.
#include "llm/core/rng.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <vector>

#include "llm/core/check.h"

namespace llm::core {
namespace {

TEST(Philox, MatchesTheKnownAnswers) {
  EXPECT_EQ(philox4x32(0, {0, 0, 0, 0}),
            (PhiloxBlock{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  constexpr uint32_t kOnes = 0xffffffff;
  EXPECT_EQ(philox4x32(0xffffffffffffffff, {kOnes, kOnes, kOnes, kOnes}),
            (PhiloxBlock{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32(0x299f31d0a4093822, {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}),
            (PhiloxBlock{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(PhiloxStream, IsTheSequenceOfItsBlocks) {
  PhiloxStream stream(7, 9);
  for (uint32_t block = 0; block < 3; ++block) {
    for (const uint32_t expected : philox4x32(7, {block, 0, 9, 0})) {
      EXPECT_EQ(stream.next_u32(), expected);
    }
  }
}

TEST(PhiloxStream, CopiesGoOnAlike) {
  PhiloxStream stream(1);
  stream.next_u32();
  PhiloxStream copy = stream;
  for (int i = 0; i < 20; ++i) EXPECT_EQ(stream.next_u64(), copy.next_u64());
}

TEST(PhiloxStream, DifferentStreamsDiffer) {
  std::set<uint64_t> first;
  for (uint64_t seed = 0; seed < 10; ++seed) {
    for (uint64_t stream = 0; stream < 10; ++stream) {
      first.insert(PhiloxStream(seed, stream).next_u64());
    }
  }
  EXPECT_EQ(first.size(), 100u);
}

TEST(PhiloxStream, BoundedNumbersAreUniform) {
  constexpr int kDraws = 70000;
  PhiloxStream stream(3);
  std::vector<int> counts(7);
  for (int i = 0; i < kDraws; ++i) ++counts.at(stream.next_below(7));
  // Binomial deviation sqrt(n p (1 - p)) = 92.6; five of them.
  for (const int count : counts) EXPECT_NEAR(count, 10000, 463);
  EXPECT_THROW(stream.next_below(0), ContractViolation);
  EXPECT_EQ(stream.next_below(1), 0u);
}

// 2^64 draws do not divide by 3 * 2^62: scaled without rejection, every third value comes twice as
// often.
TEST(PhiloxStream, HugeBoundsHaveNoBias) {
  constexpr uint64_t kBound = 3 * (uint64_t{1} << 62);
  PhiloxStream stream(4);
  std::vector<int> counts(3);
  for (int i = 0; i < 9000; ++i) ++counts.at(stream.next_below(kBound) % 3);
  for (const int count : counts) EXPECT_NEAR(count, 3000, 224);  // five deviations of 44.7
}

TEST(PhiloxStream, DoublesFillTheUnitInterval) {
  PhiloxStream stream(5);
  double sum = 0, smallest = 1, largest = 0;
  constexpr int kDraws = 100000;
  for (int i = 0; i < kDraws; ++i) {
    const double x = stream.next_double();
    sum += x;
    smallest = std::min(smallest, x);
    largest = std::max(largest, x);
  }
  EXPECT_GE(smallest, 0);
  EXPECT_LT(smallest, 1e-3);
  EXPECT_LT(largest, 1);
  EXPECT_GT(largest, 1 - 1e-3);
  EXPECT_NEAR(sum / kDraws, 0.5, 5 * std::sqrt(1.0 / 12 / kDraws));
}

TEST(PhiloxStream, NormalsHaveTheMomentsOfANormal) {
  PhiloxStream stream(6);
  constexpr int kDraws = 200000;
  double first = 0, second = 0, fourth = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double x = stream.next_normal();
    first += x;
    second += x * x;
    fourth += x * x * x * x;
  }
  // Variances of x, x^2, x^4 are 1, 2, 96.
  EXPECT_NEAR(first / kDraws, 0, 5 * std::sqrt(1.0 / kDraws));
  EXPECT_NEAR(second / kDraws, 1, 5 * std::sqrt(2.0 / kDraws));
  EXPECT_NEAR(fourth / kDraws, 3, 5 * std::sqrt(96.0 / kDraws));
}

TEST(MixSeed, DependsOnBothAndOnTheirOrder) {
  std::set<uint64_t> seen;
  for (uint64_t a = 0; a < 50; ++a) {
    for (uint64_t b = 0; b < 50; ++b) seen.insert(mix_seed(a, b));
  }
  EXPECT_EQ(seen.size(), 2500u);
}

}  // namespace
}  // namespace llm::core
