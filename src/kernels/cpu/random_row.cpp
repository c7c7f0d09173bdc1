#include "kernels/cpu/random_row.h"

#include <bit>
#include <cstring>

#include "kernels/cpu/simd.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace llm::kernels::cpu {
namespace {

using Word4 = uint32_t __attribute__((vector_size(16)));

// Both halves of the 64-bit products of four lanes.
LLM_INLINE void multiply(const Word4& x, uint32_t factor, Word4& high, Word4& low) {
#ifdef __SSE2__
  const __m128i factors = _mm_set1_epi32(static_cast<int>(factor));
  const auto lanes = std::bit_cast<__m128i>(x);
  const auto even = std::bit_cast<Word4>(_mm_mul_epu32(lanes, factors));
  const auto odd = std::bit_cast<Word4>(_mm_mul_epu32(_mm_srli_epi64(lanes, 32), factors));
  low = __builtin_shufflevector(even, odd, 0, 4, 2, 6);
  high = __builtin_shufflevector(even, odd, 1, 5, 3, 7);
#else
  for (int i = 0; i < 4; ++i) {
    const uint64_t product = uint64_t{factor} * x[i];
    high[i] = static_cast<uint32_t>(product >> 32);
    low[i] = static_cast<uint32_t>(product);
  }
#endif
}

// core::philox4x32 of four blocks at a time.
LLM_MULTIARCH void fill(uint64_t key, uint64_t token, int64_t groups, uint32_t* words) {
  constexpr int kRounds = 10;
  for (int64_t group = 0; group < groups; ++group) {
    auto key0 = static_cast<uint32_t>(key), key1 = static_cast<uint32_t>(key >> 32);
    Word4 a = Word4{} + static_cast<uint32_t>(token);
    Word4 b = Word4{} + static_cast<uint32_t>(token >> 32);
    Word4 c = Word4{0, 1, 2, 3} + static_cast<uint32_t>(4 * group);
    Word4 d{};
    for (int round = 0; round < kRounds; ++round) {
      Word4 high0, low0, high1, low1;
      multiply(a, 0xD2511F53, high0, low0);
      multiply(c, 0xCD9E8D57, high1, low1);
      a = high1 ^ b ^ key0;
      b = low1;
      c = high0 ^ d ^ key1;
      d = low0;
      key0 += 0x9E3779B9;
      key1 += 0xBB67AE85;
    }
    const Word4 block[] = {a, b, c, d};
    std::memcpy(words + group * kRandomGroup, block, sizeof(block));
  }
}

LLM_MULTIARCH void threshold(const uint32_t* words, int64_t features, uint32_t least, float kept,
                             float* out) {
  using Word8 = uint32_t __attribute__((vector_size(32)));
  for (int64_t i = 0; i < features; i += kLanes) {
    Word8 lanes;
    std::memcpy(&lanes, words + i, sizeof(lanes));
    const Float8 factors = lanes < least ? splat(0) : splat(kept);
    store(out + i, factors, features - i);
  }
}

}  // namespace

void threshold_row(const uint32_t* words, int64_t features, uint32_t least, float kept,
                   float* out) {
  threshold(words, features, least, kept, out);
}

void random_row(uint64_t key, uint64_t token, int64_t features, uint32_t* words) {
  fill(key, token, (features + kRandomGroup - 1) / kRandomGroup, words);
}

}  // namespace llm::kernels::cpu
