// Eight fp32 lanes in the compiler's vector extension, for loops marked LLM_MULTIARCH: the compiler
// builds such a function for plain x86-64, AVX2 + FMA and AVX-512 and the loader picks one for the
// machine. The helpers inline into each build. Lanes and orders of addition are the same
// everywhere; only fused multiply-adds make the last bits depend on the machine.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

#ifdef __SSE__
#include <xmmintrin.h>
#endif

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define LLM_MULTIARCH __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define LLM_MULTIARCH
#endif
#define LLM_INLINE inline __attribute__((always_inline))

// Vectors never cross a real call here, so the ABI they would cross it with does not matter (and
// arguments go by reference, because GCC has a note about those that no pragma silences).
#pragma GCC diagnostic ignored "-Wpsabi"

namespace llm::kernels::cpu {

inline constexpr int64_t kLanes = 8;
using Float8 = float __attribute__((vector_size(32)));
using Int8 = int32_t __attribute__((vector_size(32)));

LLM_INLINE Float8 splat(float value) { return Float8{} + value; }

// The first min(count, 8) lanes from memory, the others `fill`.
LLM_INLINE Float8 load(const float* from, int64_t count, float fill = 0) {
  Float8 lanes;
  if (count >= kLanes) [[likely]] {
    std::memcpy(&lanes, from, sizeof(lanes));
  } else {
    lanes = splat(fill);
    for (int64_t i = 0; i < count; ++i) lanes[i] = from[i];
  }
  return lanes;
}

LLM_INLINE void store(float* to, const Float8& lanes, int64_t count) {
  if (count >= kLanes) [[likely]] {
    std::memcpy(to, &lanes, sizeof(lanes));
  } else {
    for (int64_t i = 0; i < count; ++i) to[i] = lanes[i];
  }
}

LLM_INLINE Float8 max(const Float8& a, const Float8& b) { return a > b ? a : b; }
LLM_INLINE Float8 min(const Float8& a, const Float8& b) { return a < b ? a : b; }

LLM_INLINE Float8 sqrt(const Float8& x) {
#ifdef __SSE__
  const __m128 low = _mm_sqrt_ps(__builtin_shufflevector(x, x, 0, 1, 2, 3));
  const __m128 high = _mm_sqrt_ps(__builtin_shufflevector(x, x, 4, 5, 6, 7));
  const Float8 root = __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7);
#else
  Float8 root;
  for (int i = 0; i < kLanes; ++i) root[i] = __builtin_sqrtf(x[i]);
#endif
  return root;
}

LLM_INLINE float sum_lanes(const Float8& x) {
  return ((x[0] + x[4]) + (x[2] + x[6])) + ((x[1] + x[5]) + (x[3] + x[7]));
}

LLM_INLINE float max_lane(const Float8& x) {
  float largest = x[0];
  for (int i = 1; i < kLanes; ++i) largest = x[i] > largest ? x[i] : largest;
  return largest;
}

// e^x within 1.5 ulp for -87.3 <= x <= 88.3, clamped outside (the smallest result is 1.2e-38; NaN
// gives NaN). x = n ln 2 + r, |r| <= ln 2 / 2, with ln 2 in two parts, and a polynomial of degree 6
// in r (the coefficients of Cephes' expf).
LLM_INLINE Float8 exp(const Float8& given) {
  const Float8 x = min(max(given, splat(-87.3f)), splat(88.3f));
  constexpr float kRound = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer
  const Float8 shifted = x * 1.44269504f + kRound;
  const Float8 n = shifted - kRound;
  const Float8 r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  Float8 p = splat(1.9875691500e-4f);
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  // The builtin, for std::bit_cast is a function where nothing is inlined, and vectors are handed
  // to functions in other ways by code for AVX than by code for SSE.
  const Int8 exponent =
      (__builtin_bit_cast(Int8, shifted) - __builtin_bit_cast(int32_t, kRound) + 127) << 23;
  const Float8 result = p * __builtin_bit_cast(Float8, exponent);
  return given == given ? result : given;
}

}  // namespace llm::kernels::cpu
