// What the encoders of the K types share: a super-block scaled to the range of 1, with weights.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "io/quant/blocks.h"
#include "io/quant/lanes.h"
#include "llm/io/half.h"

namespace llm::io::quant {

// Divided by 2^exponent, exactly, so that sums of squares neither overflow nor vanish.
struct SuperBlock {
  alignas(32) float x[kSuper];
  alignas(32) float weight[kSuper];
  int exponent = 0;
};

// How much an error counts: importance * (root mean square of the sub-block + |x|). Large weights
// of a model do more harm when they are off.
template <int kSub>
LLM_QUANT_INLINE void weigh(SuperBlock& block, const float* importance) {
  for (int begin = 0; begin < kSuper; begin += kSub) {
    Float4 squares = splat(0);
    for (int j = begin; j < begin + kSub; j += kLanes) {
      const Float4 x = load_lanes(block.x + j);
      squares += x * x;
    }
    const float rms = std::sqrt(sum_lanes(squares) / kSub);
    for (int j = begin; j < begin + kSub; j += kLanes) {
      const Float4 base = abs_lanes(load_lanes(block.x + j)) + rms;
      store_lanes(block.weight + j,
                  importance == nullptr ? base : base * load_lanes(importance + j));
    }
  }
}

// False when every value is so small that the nearest one of the type is zero.
// Requires: all finite and below 2^40 in size.
LLM_QUANT_INLINE bool normalize_super(const float* x, SuperBlock& block) {
  Float4 largest = splat(0);
  for (int j = 0; j < kSuper; j += kLanes) {
    largest = max_lanes(largest, abs_lanes(load_lanes(x + j)));
  }
  float top = 0;
  for (int j = 0; j < kLanes; ++j) top = std::max(top, largest[j]);
  if (top < 0x1p-26f) return false;  // the smallest step is the smallest half, 2^-24
  std::frexp(top, &block.exponent);
  const Float4 factor = splat(std::ldexp(1.0f, -block.exponent));
  for (int j = 0; j < kSuper; j += kLanes) store_lanes(block.x + j, load_lanes(x + j) * factor);
  return true;
}

// A scale as the half it is stored as.
struct HalfScale {
  uint16_t bits = 0;
  float value = 0;  // in the super-block's range
};

LLM_QUANT_INLINE HalfScale nearest_half(float value, int exponent) {
  HalfScale out;
  out.bits = float_to_half(std::ldexp(value, exponent));
  out.value = std::ldexp(half_to_float(out.bits), -exponent);
  return out;
}

// The half with which `levels` steps reach `extent`: where halves are coarse, the next larger one.
LLM_QUANT_INLINE HalfScale covering_half(float extent, int levels, int exponent) {
  const HalfScale nearest = nearest_half(extent / static_cast<float>(levels), exponent);
  const float reach = std::fabs(nearest.value) * (std::fabs(static_cast<float>(levels)) + 0.49f);
  if (reach >= std::fabs(extent)) return nearest;
  HalfScale next;
  next.bits = static_cast<uint16_t>(nearest.bits + 1);
  next.value = std::ldexp(half_to_float(next.bits), -exponent);
  return next;
}

}  // namespace llm::io::quant
