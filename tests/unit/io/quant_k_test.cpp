// Oracle: the naive quantiser (scales from minimum and maximum, rounded one after the other), the
// error of uniform rounding (step / sqrt(12)), and super-blocks that are representable exactly.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "llm/core/rng.h"
#include "llm/io/half.h"
#include "llm/io/quant.h"

namespace llm::io {
namespace {

constexpr size_t kBlock = 256;
using Values = std::vector<float>;

Values encode_and_decode(GgmlType type, const Values& x, std::span<const float> importance = {}) {
  std::vector<std::byte> bytes(quant_bytes(type, x.size()));
  quantize(type, x, bytes, {.importance = importance});
  Values out(x.size());
  dequantize(type, bytes, out);
  return out;
}

float as_half(float value) { return half_to_float(float_to_half(value)); }
float clamped_round(float value, float low, float high) {
  return std::clamp(std::round(value), low, high);
}
float divide(float a, float b) { return b == 0 ? 0 : a / b; }

// Q4_K (top 15) and Q5_K (top 31).
void naive_affine(std::span<const float> x, float top, std::span<float> out) {
  float scales[8], mins[8];
  for (size_t s = 0; s < 8; ++s) {
    const auto [low, high] = std::minmax_element(x.begin() + 32 * s, x.begin() + 32 * (s + 1));
    mins[s] = std::max(0.0f, -*low);
    scales[s] = std::max(0.0f, *high + mins[s]) / top;
  }
  const float d = as_half(*std::max_element(scales, scales + 8) / 63);
  const float dmin = as_half(*std::max_element(mins, mins + 8) / 63);
  for (size_t i = 0; i < kBlock; ++i) {
    const float scale = d * clamped_round(divide(scales[i / 32], d), 0, 63);
    const float min = dmin * clamped_round(divide(mins[i / 32], dmin), 0, 63);
    out[i] = scale * clamped_round(divide(x[i] + min, scale), 0, top) - min;
  }
}

void naive_symmetric(std::span<const float> x, std::span<float> out) {
  float scales[16];
  for (size_t s = 0; s < 16; ++s) {
    float largest = 0;
    for (size_t i = 16 * s; i < 16 * (s + 1); ++i) largest = std::max(largest, std::fabs(x[i]));
    scales[s] = largest / 31;
  }
  const float d = as_half(*std::max_element(scales, scales + 16) / 127);
  for (size_t i = 0; i < kBlock; ++i) {
    const float scale = d * clamped_round(divide(scales[i / 16], d), -128, 127);
    out[i] = scale * clamped_round(divide(x[i], scale), -32, 31);
  }
}

struct KType {
  GgmlType type;
  int sub_size;
  float top;  // steps between the ends of a sub-block
};
void PrintTo(const KType& k, std::ostream* out) { *out << quant_block(k.type).name; }

Values naive(const KType& k, const Values& x) {
  Values out(x.size());
  for (size_t at = 0; at < x.size(); at += kBlock) {
    const auto from = std::span(x).subspan(at, kBlock);
    const auto to = std::span(out).subspan(at, kBlock);
    if (k.type == GgmlType::kQ6_K) {
      naive_symmetric(from, to);
    } else {
      naive_affine(from, k.top, to);
    }
  }
  return out;
}

double mean_square(const Values& x, const Values& y, const std::function<double(size_t)>& weight) {
  double sum = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double error = static_cast<double>(x[i]) - static_cast<double>(y[i]);
    sum += weight(i) * error * error;
  }
  return sum / static_cast<double>(x.size());
}
double mean_square(const Values& x, const Values& y) {
  return mean_square(x, y, [](size_t) { return 1.0; });
}

Values sampled(size_t count, uint64_t seed,
               const std::function<double(core::PhiloxStream&)>& draw) {
  core::PhiloxStream random(seed);
  Values out(count);
  for (float& value : out) value = static_cast<float>(draw(random));
  return out;
}
double normal(core::PhiloxStream& random) { return random.next_normal(); }

class KQuant : public ::testing::TestWithParam<KType> {};
INSTANTIATE_TEST_SUITE_P(Types, KQuant,
                         ::testing::Values(KType{GgmlType::kQ4_K, 32, 15},
                                           KType{GgmlType::kQ5_K, 32, 31},
                                           KType{GgmlType::kQ6_K, 16, 63}));

TEST_P(KQuant, ZerosStayZeros) {
  for (const float zero : {0.0f, -0.0f, 1e-12f, -1e-40f}) {
    for (const float value : encode_and_decode(GetParam().type, Values(512, zero))) {
      ASSERT_EQ(value, 0.0f);
    }
  }
}

TEST_P(KQuant, ConstantsAreNear) {
  for (const float constant : {1.0f, -1.0f, 0.37f, -1234.5f}) {
    for (const float value : encode_and_decode(GetParam().type, Values(256, constant))) {
      ASSERT_NEAR(value, constant, std::fabs(constant) * 0x1p-10f);  // the half's rounding
    }
  }
}

// Of each distribution: no worse than the naive quantiser, and no worse than rounding to steps from
// end to end of a sub-block.
TEST_P(KQuant, BeatsTheNaiveQuantiser) {
  using Draw = std::function<double(core::PhiloxStream&)>;
  const std::vector<std::pair<const char*, Draw>> distributions{
      {"normal", normal},
      {"small normal", [](auto& random) { return 0.02 * random.next_normal(); }},
      {"uniform", [](auto& random) { return random.next_double() - 0.5; }},
      {"positive", [](auto& random) { return random.next_double() + 1; }},
      {"negative", [](auto& random) { return -std::fabs(random.next_normal()) - 0.1; }},
      {"heavy tails", [](auto& random) { return std::pow(random.next_normal(), 3); }},
      {"sparse",
       [](auto& random) { return random.next_below(20) == 0 ? random.next_normal() : 0.0; }}};
  for (const auto& [name, draw] : distributions) {
    const Values x = sampled(200 * kBlock, 5, draw);
    const double ours = mean_square(x, encode_and_decode(GetParam().type, x));
    const double theirs = mean_square(x, naive(GetParam(), x));
    double rounding = 0;
    const auto size = static_cast<size_t>(GetParam().sub_size);
    for (size_t at = 0; at < x.size(); at += size) {
      const auto [low, high] = std::minmax_element(x.begin() + at, x.begin() + at + size);
      const bool is_symmetric = GetParam().type == GgmlType::kQ6_K;
      const double extent = is_symmetric ? 2 * std::max(std::fabs(*low), std::fabs(*high))
                                         : std::max(*high, 0.0f) - std::min(*low, 0.0f);
      rounding += std::pow(extent / GetParam().top, 2) / 12 * static_cast<double>(size);
    }
    EXPECT_LT(ours, theirs) << name;
    EXPECT_LT(ours, rounding / static_cast<double>(x.size()) * 1.02) << name;
    RecordProperty(std::string(name) + " rmse/naive", std::to_string(std::sqrt(ours / theirs)));
  }
}

TEST_P(KQuant, ScalingByAPowerOfTwoScalesTheResult) {
  const Values x = sampled(8 * kBlock, 6, normal);
  const Values expected = encode_and_decode(GetParam().type, x);
  for (const int exponent : {-2, 3, 14}) {
    Values scaled = x;
    for (float& value : scaled) value = std::ldexp(value, exponent);
    const Values out = encode_and_decode(GetParam().type, scaled);
    for (size_t i = 0; i < x.size(); ++i) ASSERT_EQ(out[i], std::ldexp(expected[i], exponent));
  }
}

// Halves have no smaller unit than 2^-24: values of that size are still represented to within it.
TEST_P(KQuant, TinyValuesKeepTheUnitOfHalves) {
  for (const double size : {1e-7, 1e-6, 1e-5, 1e-4}) {
    const Values x =
        sampled(4 * kBlock, 7, [&](auto& random) { return size * (random.next_double() - 0.5); });
    const Values out = encode_and_decode(GetParam().type, x);
    for (size_t i = 0; i < x.size(); ++i) {
      ASSERT_LE(std::fabs(out[i] - x[i]), 0x1p-24 + size / GetParam().top) << size;
    }
  }
}

TEST_P(KQuant, ImportanceMovesTheErrorAway) {
  constexpr size_t kColumns = 512;
  const Values x = sampled(40 * kColumns, 8, normal);
  Values importance(kColumns);
  for (size_t i = 0; i < kColumns; ++i) importance[i] = i % 8 == 0 ? 100.0f : 1.0f;
  const auto weight = [&](size_t i) { return static_cast<double>(importance[i % kColumns]); };
  const Values plain = encode_and_decode(GetParam().type, x);
  const Values weighted = encode_and_decode(GetParam().type, x, importance);
  EXPECT_LT(mean_square(x, weighted, weight), 0.8 * mean_square(x, plain, weight));
  EXPECT_GT(mean_square(x, weighted), mean_square(x, plain));
  EXPECT_EQ(encode_and_decode(GetParam().type, x, Values(kColumns, 4.0f)), plain);
}

// No error is asked for in any column: any result is right, but it has to be finite.
TEST_P(KQuant, ZeroImportanceIsNoTrap) {
  const Values x = sampled(kBlock, 9, normal);
  for (const float value : encode_and_decode(GetParam().type, x, Values(kBlock, 0.0f))) {
    EXPECT_LE(std::fabs(value), 6.0f);
  }
}

// Random levels between the ends 0 and `top` in every sub-block, and the largest integers in one.
TEST(KQuantExact, AffineBlocksComeBack) {
  core::PhiloxStream random(10);
  for (int trial = 0; trial < 200; ++trial) {
    const bool is_q5 = trial % 2 == 1;
    const uint64_t top = is_q5 ? 31 : 15;
    const float d = as_half(static_cast<float>(0.001 + random.next_double()));
    const float dmin = as_half(static_cast<float>(0.001 + random.next_double()));
    Values x(kBlock);
    for (size_t sub = 0; sub < 8; ++sub) {
      const auto scale = static_cast<float>(sub == 3 ? 63 : 8 + random.next_below(56));
      const auto min = static_cast<float>(sub == 5 ? 63 : random.next_below(64));
      for (size_t j = 0; j < 32; ++j) {
        const uint64_t q = j == 4 ? 0 : j == 7 ? top : random.next_below(top + 1);
        x[32 * sub + j] = d * scale * static_cast<float>(q) - dmin * min;
      }
    }
    const Values out = encode_and_decode(is_q5 ? GgmlType::kQ5_K : GgmlType::kQ4_K, x);
    for (size_t i = 0; i < kBlock; ++i) ASSERT_EQ(out[i], x[i]) << trial << " " << i;
  }
}

TEST(KQuantExact, SymmetricBlocksComeBack) {
  core::PhiloxStream random(11);
  for (int trial = 0; trial < 200; ++trial) {
    const float d = as_half(static_cast<float>((random.next_double() - 0.5) * 3));
    Values x(kBlock);
    for (size_t sub = 0; sub < 16; ++sub) {
      const auto scale =
          static_cast<float>(sub == 3 ? -128 : static_cast<int>(random.next_below(256)) - 128);
      for (size_t j = 0; j < 16; ++j) {
        const int q = j == 4 ? -32 : static_cast<int>(random.next_below(64)) - 32;
        x[16 * sub + j] = d * scale * static_cast<float>(q);
      }
    }
    const Values out = encode_and_decode(GgmlType::kQ6_K, x);
    for (size_t i = 0; i < kBlock; ++i) ASSERT_EQ(out[i], x[i]) << trial << " " << i;
  }
}

}  // namespace
}  // namespace llm::io
