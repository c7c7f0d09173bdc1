// Oracle: a permutation hits every value once; chi-square of uniformity over seeds.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <vector>

#include "llm/core/check.h"
#include "llm/core/rng.h"

namespace llm::core {
namespace {

std::vector<uint64_t> image(uint64_t size, uint64_t seed) {
  const Permutation permutation(size, seed);
  std::vector<uint64_t> values(size);
  for (uint64_t i = 0; i < size; ++i) values[i] = permutation(i);
  return values;
}

// Six deviations above the mean of a chi-square with this many degrees of freedom.
double chi_square_limit(double degrees) { return degrees + 6 * std::sqrt(2 * degrees); }

TEST(Permutation, IsABijectionForEverySize) {
  for (uint64_t size = 1; size <= 300; ++size) {
    auto values = image(size, size * 31);
    std::sort(values.begin(), values.end());
    for (uint64_t i = 0; i < size; ++i) ASSERT_EQ(values[i], i) << "size " << size;
  }
}

TEST(Permutation, IsABijectionOfALargeSet) {
  constexpr uint64_t kSize = 1'000'003;
  std::vector<bool> seen(kSize);
  const Permutation permutation(kSize, 5);
  for (uint64_t i = 0; i < kSize; ++i) seen.at(permutation(i)) = true;
  EXPECT_EQ(std::count(seen.begin(), seen.end(), true), static_cast<int64_t>(kSize));
}

TEST(Permutation, IsAPureFunctionOfSeedAndSize) {
  EXPECT_EQ(image(1000, 1), image(1000, 1));
  EXPECT_NE(image(1000, 1), image(1000, 2));
  EXPECT_NE(image(1000, 1).front(), image(1001, 1).front());
}

TEST(Permutation, WorksAtTheLargestSizes) {
  for (const uint64_t size : {uint64_t{1} << 63, UINT64_MAX}) {
    const Permutation permutation(size, 3);
    for (const uint64_t index : {uint64_t{0}, uint64_t{1}, size - 1}) {
      EXPECT_LT(permutation(index), size);
    }
  }
}

TEST(Permutation, RefusesWhatIsOutside) {
  EXPECT_THROW(Permutation(0, 1), ContractViolation);
  EXPECT_THROW(Permutation(5, 1)(5), ContractViolation);
}

// All 120 orders of five things are equally frequent over the seeds.
TEST(Permutation, ReachesEveryOrderOfASmallSetEquallyOften) {
  constexpr int kSeeds = 24000;
  std::map<std::vector<uint64_t>, int> counts;
  for (uint64_t seed = 0; seed < kSeeds; ++seed) ++counts[image(5, seed)];
  EXPECT_EQ(counts.size(), 120u);
  double chi_square = 0;
  for (const auto& [unused, count] : counts) chi_square += (count - 200.0) * (count - 200.0) / 200;
  EXPECT_LT(chi_square, chi_square_limit(119));
}

class PermutationOfSize : public ::testing::TestWithParam<uint64_t> {};

// Where index i goes, over many seeds: every (i, value) pair is equally likely.
TEST_P(PermutationOfSize, SendsEveryIndexEverywhereEquallyOften) {
  const uint64_t size = GetParam();
  constexpr double kExpected = 200;
  std::vector<int> counts(size * size);
  for (uint64_t seed = 0; seed < static_cast<uint64_t>(kExpected) * size; ++seed) {
    const auto values = image(size, seed);
    for (uint64_t i = 0; i < size; ++i) ++counts[i * size + values[i]];
  }
  double chi_square = 0;
  for (const int count : counts)
    chi_square += (count - kExpected) * (count - kExpected) / kExpected;
  const auto free = static_cast<double>(size - 1);
  EXPECT_LT(chi_square, chi_square_limit(free * free));
}

// Neighbours must not stay neighbours: distances of images look like distances of random values.
TEST_P(PermutationOfSize, TearsNeighboursApart) {
  const uint64_t size = GetParam();
  constexpr int kSeeds = 400;
  int adjacent = 0;
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    const auto values = image(size, seed);
    for (uint64_t i = 0; i + 1 < size; ++i) adjacent += values[i + 1] == values[i] + 1;
  }
  // A random order has (size - 1) pairs, each adjacent with probability 1 / size.
  const double expected = kSeeds * static_cast<double>(size - 1) / static_cast<double>(size);
  EXPECT_NEAR(adjacent, expected, 5 * std::sqrt(expected));
}

INSTANTIATE_TEST_SUITE_P(Sizes, PermutationOfSize, ::testing::Values(7, 16, 33, 64, 65, 100));

}  // namespace
}  // namespace llm::core
