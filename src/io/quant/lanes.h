// Eight floats in the compiler's vector extension: sums have one order on every machine.
#pragma once

#include <cmath>
#include <cstring>

#include "io/quant/clones.h"

// Vectors cross no real call here, so the ABI they would cross it with does not matter.
#pragma GCC diagnostic ignored "-Wpsabi"

namespace llm::io::quant {

inline constexpr int kLanes = 8;
using Float8 = float __attribute__((vector_size(32)));

LLM_QUANT_INLINE Float8 splat(float value) { return Float8{} + value; }
LLM_QUANT_INLINE Float8 load8(const float* from) {
  Float8 lanes;
  std::memcpy(&lanes, from, sizeof lanes);
  return lanes;
}
LLM_QUANT_INLINE void store8(float* to, const Float8& lanes) {
  std::memcpy(to, &lanes, sizeof lanes);
}
LLM_QUANT_INLINE float sum_lanes(const Float8& x) {
  return ((x[0] + x[4]) + (x[2] + x[6])) + ((x[1] + x[5]) + (x[3] + x[7]));
}
LLM_QUANT_INLINE Float8 abs8(const Float8& x) { return x < 0.0f ? -x : x; }

// The nearest whole number (ties to even) within [low, high]. Requires: both below 2^22 in size.
LLM_QUANT_INLINE Float8 round_within(const Float8& x, float low, float high) {
  constexpr float kRound = 12582912.0f;  // 1.5 * 2^23: the last place of the sum is 1
  const Float8 above = x > low ? x : splat(low);
  const Float8 within = above < high ? above : splat(high);
  return (within + kRound) - kRound;
}

}  // namespace llm::io::quant
