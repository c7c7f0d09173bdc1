#include "llm/core/rng.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numbers>

#include "llm/core/check.h"

namespace llm::core {
namespace {

constexpr uint64_t kGolden = 0x9E3779B97F4A7C15;

// splitmix64's finaliser (Stafford's variant 13).
uint64_t finalise(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
  return x ^ (x >> 31);
}

uint32_t low(uint64_t x) { return static_cast<uint32_t>(x); }
uint32_t high(uint64_t x) { return static_cast<uint32_t>(x >> 32); }

}  // namespace

PhiloxBlock philox4x32(uint64_t key, PhiloxBlock counter) {
  constexpr int kRounds = 10;
  uint32_t key0 = low(key), key1 = high(key);
  auto [a, b, c, d] = counter;
  for (int round = 0; round < kRounds; ++round) {
    const uint64_t product0 = uint64_t{0xD2511F53} * a;
    const uint64_t product1 = uint64_t{0xCD9E8D57} * c;
    a = high(product1) ^ b ^ key0;
    b = low(product1);
    c = high(product0) ^ d ^ key1;
    d = low(product0);
    key0 += 0x9E3779B9;
    key1 += 0xBB67AE85;
  }
  return {a, b, c, d};
}

uint32_t PhiloxStream::next_u32() {
  if (used_ == 4) {
    buffer_ = philox4x32(seed_, {low(block_), high(block_), low(stream_), high(stream_)});
    ++block_;
    used_ = 0;
  }
  return buffer_[used_++];
}

uint64_t PhiloxStream::next_u64() {
  const uint64_t first = next_u32();
  return first | uint64_t{next_u32()} << 32;
}

double PhiloxStream::next_double() { return static_cast<double>(next_u64() >> 11) * 0x1p-53; }

// Lemire, "Fast Random Integer Generation in an Interval", 2019.
uint64_t PhiloxStream::next_below(uint64_t bound) {
  LLM_CHECK(bound > 0);
  const uint64_t unfair = (0 - bound) % bound;
  while (true) {
    const unsigned __int128 product = static_cast<unsigned __int128>(next_u64()) * bound;
    if (static_cast<uint64_t>(product) >= unfair) return static_cast<uint64_t>(product >> 64);
  }
}

double PhiloxStream::next_normal() {
  const double radius = std::sqrt(-2 * std::log1p(-next_double()));
  return radius * std::cos(2 * std::numbers::pi * next_double());
}

uint64_t mix_seed(uint64_t a, uint64_t b) {
  return finalise((finalise(a + kGolden) ^ b) + kGolden);
}

Permutation::Permutation(uint64_t size, uint64_t seed) : size_(size), seed_(mix_seed(seed, size)) {
  LLM_CHECK(size > 0);
  // At least 3 bits a half: a network of 1- or 2-bit halves reaches few of the permutations.
  half_bits_ = std::max(3, (static_cast<int>(std::bit_width(size - 1)) + 1) / 2);
}

uint64_t Permutation::operator()(uint64_t index) const {
  constexpr uint64_t kRounds = 10;
  LLM_CHECK(index < size_, "{} is not below {}", index, size_);
  const uint64_t mask = (uint64_t{1} << half_bits_) - 1;
  uint64_t left = index >> half_bits_, right = index & mask;
  do {
    for (uint64_t round = 1; round <= kRounds; ++round) {
      const uint64_t mixed = finalise(seed_ + round * kGolden + right);
      const uint64_t next = left ^ (mixed >> (64 - half_bits_));
      left = right;
      right = next;
    }
  } while ((left << half_bits_ | right) >= size_);
  return left << half_bits_ | right;
}

}  // namespace llm::core
