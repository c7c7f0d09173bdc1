// Oracle: the definitions of binary16 and bfloat16 in double arithmetic; nearest values by search
// among neighbours.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "llm/core/rng.h"
#include "llm/io/half.h"

namespace llm::io {
namespace {

double half_by_definition(uint16_t half) {
  const int exponent = (half >> 10) & 31;
  const int mantissa = half & 1023;
  const double size = exponent == 31 ? std::numeric_limits<double>::infinity()
                                     : std::ldexp(exponent == 0 ? mantissa : mantissa + 1024,
                                                  std::max(exponent, 1) - 25);
  return (half & 0x8000) != 0 ? -size : size;
}

bool is_half_nan(uint16_t half) { return (half & 0x7FFF) > 0x7C00; }

TEST(Half, EveryHalfIsItsDefinition) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<uint16_t>(bits);
    const float value = half_to_float(half);
    if (is_half_nan(half)) {
      EXPECT_TRUE(std::isnan(value));
      continue;
    }
    ASSERT_EQ(static_cast<double>(value), half_by_definition(half)) << bits;
    ASSERT_EQ(std::signbit(value), (half & 0x8000) != 0) << bits;
    ASSERT_EQ(float_to_half(value), half) << bits;
  }
}

// Between two neighbours: below the middle down, above it up, at it to the even one.
TEST(Half, RoundsToNearestEven) {
  for (uint32_t bits = 0; bits < 0x7C00; ++bits) {
    const double low = half_by_definition(static_cast<uint16_t>(bits));
    const double high =
        bits == 0x7BFF ? 65536 : half_by_definition(static_cast<uint16_t>(bits + 1));
    const auto middle = static_cast<float>((low + high) / 2);
    const float above = std::nextafter(middle, std::numeric_limits<float>::infinity());
    ASSERT_EQ(float_to_half(std::nextafter(middle, 0.0f)), bits);
    ASSERT_EQ(float_to_half(middle), bits + (bits & 1));
    ASSERT_EQ(float_to_half(above), bits + 1);
    ASSERT_EQ(float_to_half(-above), (bits + 1) | 0x8000);
  }
}

TEST(Half, CornersStayWhatTheyAre) {
  EXPECT_EQ(float_to_half(-0.0f), 0x8000);
  EXPECT_EQ(float_to_half(std::numeric_limits<float>::infinity()), 0x7C00);
  EXPECT_EQ(float_to_half(std::numeric_limits<float>::max()), 0x7C00);
  EXPECT_EQ(float_to_half(std::numeric_limits<float>::denorm_min()), 0);
  EXPECT_TRUE(is_half_nan(float_to_half(std::bit_cast<float>(0x7F800001u))));
  EXPECT_EQ(float_to_half(std::bit_cast<float>(0xFFC00000u)), 0xFE00);
}

TEST(Bfloat16, RoundsToNearestEven) {
  core::PhiloxStream random(3);
  for (int i = 0; i < 100000; ++i) {
    const uint32_t bits = random.next_u32();
    const auto value = std::bit_cast<float>(bits);
    const uint16_t rounded = float_to_bfloat16(value);
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(bfloat16_to_float(rounded)));
      continue;
    }
    const uint32_t rest = bits & 0xFFFF;
    const uint32_t low = bits >> 16;
    const bool up = rest > 0x8000 || (rest == 0x8000 && (low & 1) != 0);
    ASSERT_EQ(rounded, low + (up ? 1 : 0)) << bits;
  }
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float value = bfloat16_to_float(static_cast<uint16_t>(bits));
    ASSERT_EQ(std::bit_cast<uint32_t>(value), bits << 16);
    ASSERT_TRUE(std::isnan(value) || float_to_bfloat16(value) == bits) << bits;
  }
  EXPECT_TRUE(std::isnan(bfloat16_to_float(float_to_bfloat16(std::bit_cast<float>(0x7F800001u)))));
}

}  // namespace
}  // namespace llm::io
