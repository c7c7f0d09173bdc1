// Four floats in the compiler's vector extension, which plain x86-64 has registers for (of wider
// ones GCC makes scalar code before it looks at target clones). Sums have one order everywhere.
#pragma once

#include <algorithm>
#include <cstring>

#ifdef __SSE__
#include <xmmintrin.h>
#endif

#include "io/quant/clones.h"

namespace llm::io::quant {

inline constexpr int kLanes = 4;
using Float4 = float __attribute__((vector_size(16)));

LLM_QUANT_INLINE Float4 splat(float value) { return Float4{} + value; }
LLM_QUANT_INLINE Float4 load_lanes(const float* from) {
  Float4 lanes;
  std::memcpy(&lanes, from, sizeof lanes);
  return lanes;
}
LLM_QUANT_INLINE void store_lanes(float* to, const Float4& lanes) {
  std::memcpy(to, &lanes, sizeof lanes);
}
LLM_QUANT_INLINE float sum_lanes(const Float4& x) { return (x[0] + x[2]) + (x[1] + x[3]); }
LLM_QUANT_INLINE Float4 abs_lanes(const Float4& x) { return x < 0.0f ? -x : x; }

// GCC makes four instructions of a < b ? a : b.
LLM_QUANT_INLINE Float4 min_lanes(const Float4& a, const Float4& b) {
#ifdef __SSE__
  return _mm_min_ps(a, b);
#else
  return a < b ? a : b;
#endif
}
LLM_QUANT_INLINE Float4 max_lanes(const Float4& a, const Float4& b) {
#ifdef __SSE__
  return _mm_max_ps(a, b);
#else
  return a > b ? a : b;
#endif
}

LLM_QUANT_INLINE float least_lane(const Float4& x) {
  return std::min(std::min(x[0], x[1]), std::min(x[2], x[3]));
}

// The nearest whole number (ties to even) within [low, high]. Requires: both below 2^22 in size.
LLM_QUANT_INLINE Float4 round_within(const Float4& x, float low, float high) {
  constexpr float kRound = 12582912.0f;  // 1.5 * 2^23: the last place of the sum is 1
  const Float4 within = min_lanes(max_lanes(x, splat(low)), splat(high));
  return (within + kRound) - kRound;
}

}  // namespace llm::io::quant
