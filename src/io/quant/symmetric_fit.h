// Encoding of Q6_K: x = d * scale * (q - 32) in 16 sub-blocks of 16, with a half d, 8-bit signed
// scales and q of 6 bits. Scales are found as for Q4_K (affine_fit.h), without an offset.
#pragma once

#include <limits>

#include "io/quant/super_block.h"

namespace llm::io::quant {

inline constexpr int kSymmetricSubs = 16;
inline constexpr int kSymmetricSize = kSuper / kSymmetricSubs;
inline constexpr float kLowLevel = -32;
inline constexpr float kHighLevel = 31;

// The scale of the least weighted squared error; the value of largest magnitude takes the level
// -32, or one near it.
LLM_QUANT_INLINE float fit_symmetric(const float* x, const float* weight) {
  constexpr int kSteps = 5;  // on each side, by a fifth of a level
  constexpr int kParts = kSymmetricSize / kLanes;
  Float4 values[kParts], weights[kParts];
  for (int i = 0; i < kParts; ++i) {
    values[i] = load_lanes(x + kLanes * i);
    weights[i] = load_lanes(weight + kLanes * i);
  }
  float extreme = x[0];
  for (int j = 1; j < kSymmetricSize; ++j) {
    extreme = std::fabs(x[j]) > std::fabs(extreme) ? x[j] : extreme;
  }
  if (extreme == 0) return 0;
  float best = extreme / kLowLevel;
  float best_gain = 0;
  for (int step = -kSteps; step <= kSteps; ++step) {
    const float inverse = (kLowLevel + 0.2f * static_cast<float>(step)) / extreme;
    Float4 wqq = splat(0), wxq = splat(0);
    for (int i = 0; i < kParts; ++i) {
      const Float4 q = round_within(values[i] * inverse, kLowLevel, kHighLevel);
      wqq += weights[i] * q * q;
      wxq += weights[i] * q * values[i];
    }
    const float qq = sum_lanes(wqq);
    const float xq = sum_lanes(wxq);
    const float gain = xq * xq;  // the error is sum w x^2 - xq^2 / qq
    if (qq > 0 && gain > best_gain * qq) {
      best = xq / qq;
      best_gain = gain / qq;
    }
  }
  return best;
}

struct SymmetricCode {
  HalfScale d;
  int8_t scales[kSymmetricSubs];
  float error = 0;
};

LLM_QUANT_INLINE Float4 symmetric_levels(const Float4& x, float scale) {
  const float inverse = scale == 0 ? 0 : 1 / scale;
  return round_within(x * inverse, kLowLevel, kHighLevel);
}

LLM_QUANT_INLINE float symmetric_error(const float* x, const float* weight, float scale) {
  Float4 error = splat(0);
  for (int i = 0; i < kSymmetricSize; i += kLanes) {
    const Float4 value = load_lanes(x + i);
    const Float4 rest = value - scale * symmetric_levels(value, scale);
    error += load_lanes(weight + i) * rest * rest;
  }
  return sum_lanes(error);
}

LLM_QUANT_INLINE void choose_scale(const SuperBlock& block, int sub, float fit, int reach,
                                   SymmetricCode& code) {
  const float* x = block.x + kSymmetricSize * sub;
  const float* weight = block.weight + kSymmetricSize * sub;
  const float ratio = code.d.value == 0 ? 0 : fit / code.d.value;
  const int nearest = static_cast<int>(std::nearbyint(std::clamp(ratio, -128.0f, 127.0f)));
  code.scales[sub] = static_cast<int8_t>(nearest);
  float best = std::numeric_limits<float>::infinity();
  for (int s = std::max(nearest - reach, -128); s <= std::min(nearest + reach, 127); ++s) {
    const float error = symmetric_error(x, weight, code.d.value * static_cast<float>(s));
    if (!(error < best)) continue;
    best = error;
    code.scales[sub] = static_cast<int8_t>(s);
  }
  code.error += best;
}

// d of the least error for the levels and scales of `code`.
LLM_QUANT_INLINE float solve_symmetric(const SuperBlock& block, const SymmetricCode& code) {
  double aa = 0, xa = 0;  // a = scale * q
  for (int sub = 0; sub < kSymmetricSubs; ++sub) {
    const float scale = static_cast<float>(code.scales[sub]);
    Float4 wqq = splat(0), wxq = splat(0);
    for (int j = kSymmetricSize * sub; j < kSymmetricSize * (sub + 1); j += kLanes) {
      const Float4 x = load_lanes(block.x + j);
      const Float4 q = symmetric_levels(x, code.d.value * scale);
      wqq += load_lanes(block.weight + j) * q * q;
      wxq += load_lanes(block.weight + j) * q * x;
    }
    aa += static_cast<double>(scale * scale * sum_lanes(wqq));
    xa += static_cast<double>(scale * sum_lanes(wxq));
  }
  return aa > 0 ? static_cast<float>(xa / aa) : 0;
}

LLM_QUANT_INLINE void choose_all_scales(const SuperBlock& block, const float* fits, int reach,
                                        SymmetricCode& code) {
  code.error = 0;
  for (int sub = 0; sub < kSymmetricSubs; ++sub) choose_scale(block, sub, fits[sub], reach, code);
}

LLM_QUANT_INLINE SymmetricCode fit_symmetric_super(const SuperBlock& block) {
  float fits[kSymmetricSubs];
  float largest = 0;
  for (int sub = 0; sub < kSymmetricSubs; ++sub) {
    fits[sub] = fit_symmetric(block.x + kSymmetricSize * sub, block.weight + kSymmetricSize * sub);
    largest = std::fabs(fits[sub]) > std::fabs(largest) ? fits[sub] : largest;
  }
  SymmetricCode code;
  code.d = covering_half(largest, -128, block.exponent);
  choose_all_scales(block, fits, 0, code);

  const float solved = solve_symmetric(block, code);
  if (solved != 0) {
    SymmetricCode second;
    second.d = nearest_half(solved, block.exponent);
    choose_all_scales(block, fits, 0, second);
    if (second.error < code.error) code = second;
  }
  choose_all_scales(block, fits, 1, code);
  return code;
}

// The levels of the whole super-block, from 0 to 63.
LLM_QUANT_INLINE SymmetricCode encode_symmetric(const float* x, const float* importance,
                                                uint8_t* q) {
  SuperBlock block;
  SymmetricCode code;
  std::fill_n(code.scales, kSymmetricSubs, int8_t{0});
  std::fill_n(q, kSuper, uint8_t{32});
  if (!normalize_super(x, block)) return code;
  weigh<kSymmetricSize>(block, importance);
  code = fit_symmetric_super(block);
  for (int j = 0; j < kSuper; j += kLanes) {
    const float scale = code.d.value * static_cast<float>(code.scales[j / kSymmetricSize]);
    const Float4 levels = symmetric_levels(load_lanes(block.x + j), scale) - kLowLevel;
    for (int lane = 0; lane < kLanes; ++lane) q[j + lane] = static_cast<uint8_t>(levels[lane]);
  }
  return code;
}

}  // namespace llm::io::quant
