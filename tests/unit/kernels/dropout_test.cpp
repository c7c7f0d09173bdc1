// Oracle: core::philox4x32 at the counters that the header states; the moments of the
// distributions, within five standard deviations.
#include "llm/kernels/dropout.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "llm/core/check.h"
#include "llm/core/rng.h"
#include "llm/kernels/backend.h"

namespace llm::kernels {
namespace {

constexpr uint64_t kKey = 0x1234'5678'9ABC'DEF0;

NoiseContext noise_of(const std::vector<int64_t>& tokens) {
  return {kKey, at::tensor(tokens, at::kLong)};
}

NoiseContext counted_noise(int64_t tokens, uint64_t key = kKey) {
  return {key, at::arange(tokens, at::kLong) * 0x9E37'79B9'7F4A'7C15};
}

uint32_t documented_word(uint64_t stream, int64_t token, int64_t f) {
  const auto bits = static_cast<uint64_t>(token);
  const auto block = static_cast<uint32_t>(4 * (f / 16) + f % 4);
  return core::philox4x32(
      core::mix_seed(kKey, stream),
      {static_cast<uint32_t>(bits), static_cast<uint32_t>(bits >> 32), block, 0})[f % 16 / 4];
}

class DropoutOf : public testing::TestWithParam<Backend> {};

TEST_P(DropoutOf, ValuesAreThoseOfTheDocumentedCounters) {
  const BackendGuard guard(GetParam());
  const std::vector<int64_t> tokens = {0, -5, int64_t{1} << 40, 7, 7};
  const auto factors = dropout_factors(noise_of(tokens), 3, 0.3, 37, at::kDouble);  // [T, F]
  const auto uniform = uniform_noise(noise_of(tokens), 3, 37, at::kFloat);          // [T, F]
  for (size_t t = 0; t < tokens.size(); ++t) {
    for (int64_t f = 0; f < 37; ++f) {
      const double word = documented_word(3, tokens[t], f);
      const auto at = static_cast<int64_t>(t);
      EXPECT_NEAR(factors[at][f].item<double>(), word < 0.3 * 0x1p32 ? 0 : 1 / 0.7, 1e-7);
      EXPECT_NEAR(uniform[at][f].item<double>(), word * 0x1p-31 - 1, 1e-6);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Backends, DropoutOf, testing::Values(Backend::kReference, Backend::kFused),
                         [](const auto& instance) {
                           return instance.param == Backend::kFused ? "Fused" : "Reference";
                         });

TEST(Dropout, DropsTheGivenShareAndKeepsTheMean) {
  const int64_t tokens = 500, features = 577;
  const double count = tokens * features;
  for (const double p : {0.0, 0.05, 0.5, 0.9}) {
    const at::Tensor factors = dropout_factors(counted_noise(tokens), 1, p, features, at::kFloat);
    const double zeros = (factors == 0).sum().item<double>();
    EXPECT_NEAR(zeros / count, p, 5 * std::sqrt(p * (1 - p) / count));
    EXPECT_NEAR(factors.mean(at::kDouble).item<double>(), 1,
                5 * std::sqrt(p / (1 - p) / count) + 1e-6);
    // No feature and no token is special.
    EXPECT_LT((factors == 0).to(at::kFloat).mean(0).sub_(p).abs().max().item<double>(),
              6 * std::sqrt(p * (1 - p) / tokens) + 1e-9);
  }
}

TEST(Dropout, UniformNoiseHasItsMeanAndVariance) {
  const at::Tensor noise = uniform_noise(counted_noise(500), 1, 577, at::kDouble);
  const auto count = static_cast<double>(noise.numel());
  EXPECT_NEAR(noise.mean().item<double>(), 0, 5 * std::sqrt(1.0 / 3 / count));
  EXPECT_NEAR(noise.square().mean().item<double>(), 1.0 / 3, 5 * std::sqrt(4.0 / 45 / count));
  EXPECT_LT(noise.abs().max().item<double>(), 1);
}

TEST(Dropout, ATokenMeetsTheSameNumbersWhereverItLies) {
  const at::Tensor together = uniform_noise(noise_of({11, 12, 13, 21, 22}), 4, 33, at::kFloat);
  const at::Tensor other = uniform_noise(noise_of({21, 22, 11, 12, 13}), 4, 33, at::kFloat);
  const at::Tensor alone = uniform_noise(noise_of({21, 22}), 4, 33, at::kFloat);
  EXPECT_TRUE(at::equal(together.narrow(0, 0, 3), other.narrow(0, 2, 3)));
  EXPECT_TRUE(at::equal(together.narrow(0, 3, 2), alone));
}

TEST(Dropout, KeysStreamsAndTokensAreIndependent) {
  const int64_t tokens = 300, features = 400;
  const auto factors = [&](uint64_t key, uint64_t stream, int64_t shift) {
    NoiseContext noise = counted_noise(tokens, key);
    noise.tokens = noise.tokens + shift;
    return dropout_factors(noise, stream, 0.5, features, at::kFloat);
  };
  const at::Tensor first = factors(kKey, 1, 0);
  for (const at::Tensor& other :
       {factors(kKey + 1, 1, 0), factors(kKey, 2, 0), factors(kKey, 1, 1)}) {
    const double equal = (first == other).to(at::kFloat).mean().item<double>();
    EXPECT_NEAR(equal, 0.5, 5 * 0.5 / std::sqrt(tokens * features));
  }
}

TEST(Dropout, NoiseWithoutKeyOrTokensIsABrokenContract) {
  EXPECT_THROW(uniform_noise({0, at::ones({2}, at::kLong)}, 0, 4, at::kFloat),
               core::ContractViolation);
  EXPECT_THROW(uniform_noise({1, at::Tensor()}, 0, 4, at::kFloat), core::ContractViolation);
  EXPECT_THROW(dropout_factors(noise_of({1}), 0, 1.0, 4, at::kFloat), core::ContractViolation);
}

}  // namespace
}  // namespace llm::kernels
