// Encoding of Q4_K and Q5_K: x = d * scale * q - dmin * min in 8 sub-blocks of 32, with halves d
// and dmin, 6-bit scale and min, and q of 4 or 5 bits (kTop = 15 or 31).
//
// Each sub-block alone is first fitted with real numbers: for a row of step widths around
// (max - min) / kTop, round to levels, solve the weighted least squares for scale and offset given
// those levels, keep the best. Then d and dmin are set by the largest, solved once more by least
// squares over the whole super-block (the better pair stays), and the integers around the fitted
// ones are tried.
#pragma once

#include <limits>

#include "io/quant/k_blocks.h"
#include "io/quant/super_block.h"

namespace llm::io::quant {

inline constexpr int kSubBlocks = 8;
inline constexpr int kSubSize = kSuper / kSubBlocks;
inline constexpr int kVectors = kSubSize / kLanes;
inline constexpr int kTopScale = 63;

// x = scale * q - offset
struct AffineScale {
  float scale = 0;
  float offset = 0;
};

// Weighted sums over a sub-block, of y = x - base: of 1, y, y^2, q, q^2 and y q.
struct AffineSums {
  float w = 0, y = 0, yy = 0, q = 0, qq = 0, yq = 0;

  // Of y = scale * q - offset.
  LLM_QUANT_INLINE float error(const AffineScale& fit) const {
    const float s = fit.scale;
    const float o = fit.offset;
    return yy + s * (s * qq - 2 * yq - 2 * o * q) + o * (2 * y + o * w);
  }
};

// y = scale * q - offset of the least error with offset >= base.
LLM_QUANT_INLINE AffineScale solve_affine(const AffineSums& sums, float base) {
  const float determinant = sums.w * sums.qq - sums.q * sums.q;
  if (!(determinant > 0)) return {};
  const AffineScale free{.scale = (sums.w * sums.yq - sums.y * sums.q) / determinant,
                         .offset = (sums.q * sums.yq - sums.y * sums.qq) / determinant};
  if (free.offset >= base) return free;
  return {.scale = (sums.yq + base * sums.q) / sums.qq, .offset = base};
}

// Works on y = x - min(x), min(x) <= 0: with x, offsets far larger than the extent would cost the
// sums their precision.
template <int kTop>
LLM_QUANT_INLINE AffineScale fit_sub_block(const float* x, const float* weight) {
  constexpr int kSteps = 5;  // on each side, by a fifth of a level
  Float4 low_lanes = splat(0), high_lanes = load_lanes(x);
  for (int i = 0; i < kVectors; ++i) {
    low_lanes = min_lanes(low_lanes, load_lanes(x + kLanes * i));
    high_lanes = max_lanes(high_lanes, load_lanes(x + kLanes * i));
  }
  const float base = least_lane(low_lanes);
  const float extent = -least_lane(-high_lanes) - base;
  if (!(extent > 0)) return {.scale = 0, .offset = -base};

  Float4 values[kVectors], weights[kVectors];
  Float4 w = splat(0), wy = splat(0), wyy = splat(0);
  for (int i = 0; i < kVectors; ++i) {
    values[i] = load_lanes(x + kLanes * i) - base;
    weights[i] = load_lanes(weight + kLanes * i);
    w += weights[i];
    wy += weights[i] * values[i];
    wyy += weights[i] * values[i] * values[i];
  }
  AffineScale best{.scale = extent / kTop, .offset = 0};
  float best_error = std::numeric_limits<float>::infinity();
  AffineSums sums{.w = sum_lanes(w), .y = sum_lanes(wy), .yy = sum_lanes(wyy)};
  for (int step = -kSteps; step <= kSteps; ++step) {
    const float inverse = (kTop + 0.2f * static_cast<float>(step)) / extent;
    Float4 wq = splat(0), wqq = splat(0), wyq = splat(0);
    for (int i = 0; i < kVectors; ++i) {
      const Float4 q = round_within(values[i] * inverse, 0, kTop);
      const Float4 weighted = weights[i] * q;
      wq += weighted;
      wqq += weighted * q;
      wyq += weighted * values[i];
    }
    sums.q = sum_lanes(wq);
    sums.qq = sum_lanes(wqq);
    sums.yq = sum_lanes(wyq);
    const AffineScale fit = solve_affine(sums, base);
    const float error = sums.error(fit);
    if (fit.scale > 0 && error < best_error) {
      best = fit;
      best_error = error;
    }
  }
  return {.scale = best.scale, .offset = best.offset - base};
}

struct AffineCode {
  HalfScale d;
  HalfScale dmin;
  ScalesAndMins integers;
  float error = 0;

  LLM_QUANT_INLINE AffineScale of(int scale, int min) const {
    return {.scale = d.value * static_cast<float>(scale),
            .offset = dmin.value * static_cast<float>(min)};
  }
};

template <int kTop>
LLM_QUANT_INLINE Float4 levels_of(const Float4& x, const AffineScale& fit) {
  const float inverse = fit.scale > 0 ? 1 / fit.scale : 0;
  return round_within((x + fit.offset) * inverse, 0, kTop);
}

template <int kTop>
LLM_QUANT_INLINE float error_of(const float* x, const float* weight, const AffineScale& fit) {
  Float4 error = splat(0);
  for (int i = 0; i < kVectors; ++i) {
    const Float4 value = load_lanes(x + kLanes * i);
    const Float4 rest = value - (fit.scale * levels_of<kTop>(value, fit) - fit.offset);
    error += load_lanes(weight + kLanes * i) * rest * rest;
  }
  return sum_lanes(error);
}

LLM_QUANT_INLINE int nearest_integer(float part, float unit, int top) {
  if (unit == 0) return 0;
  return std::clamp(static_cast<int>(part / unit + 0.5f), 0, top);
}

// The integers of one sub-block: the rounded ones and those up to `reach` away are tried.
template <int kTop>
LLM_QUANT_INLINE void choose_integers(const SuperBlock& block, int sub, const AffineScale& fit,
                                      int reach, AffineCode& code) {
  const float* x = block.x + kSubSize * sub;
  const float* weight = block.weight + kSubSize * sub;
  const int scale = nearest_integer(fit.scale, code.d.value, kTopScale);
  const int min = nearest_integer(fit.offset, code.dmin.value, kTopScale);
  code.integers.scales[sub] = static_cast<uint8_t>(scale);
  code.integers.mins[sub] = static_cast<uint8_t>(min);
  float best = std::numeric_limits<float>::infinity();
  for (int s = std::max(scale - reach, 0); s <= std::min(scale + reach, kTopScale); ++s) {
    for (int m = std::max(min - reach, 0); m <= std::min(min + reach, kTopScale); ++m) {
      const float error = error_of<kTop>(x, weight, code.of(s, m));
      if (!(error < best)) continue;
      best = error;
      code.integers.scales[sub] = static_cast<uint8_t>(s);
      code.integers.mins[sub] = static_cast<uint8_t>(m);
    }
  }
  code.error += best;
}

// d and dmin of the least error for the levels and integers of `code`.
template <int kTop>
LLM_QUANT_INLINE AffineScale solve_super_block(const SuperBlock& block, const AffineCode& code) {
  double aa = 0, ab = 0, bb = 0, xa = 0, xb = 0;  // a = scale * q, b = min
  for (int sub = 0; sub < kSubBlocks; ++sub) {
    const AffineScale fit = code.of(code.integers.scales[sub], code.integers.mins[sub]);
    Float4 w = splat(0), wx = splat(0), wq = splat(0), wqq = splat(0), wxq = splat(0);
    for (int i = 0; i < kVectors; ++i) {
      const Float4 x = load_lanes(block.x + kSubSize * sub + kLanes * i);
      const Float4 weight = load_lanes(block.weight + kSubSize * sub + kLanes * i);
      const Float4 q = levels_of<kTop>(x, fit);
      w += weight;
      wx += weight * x;
      wq += weight * q;
      wqq += weight * q * q;
      wxq += weight * q * x;
    }
    const double scale = code.integers.scales[sub];
    const double min = code.integers.mins[sub];
    aa += scale * scale * static_cast<double>(sum_lanes(wqq));
    ab += scale * min * static_cast<double>(sum_lanes(wq));
    bb += min * min * static_cast<double>(sum_lanes(w));
    xa += scale * static_cast<double>(sum_lanes(wxq));
    xb += min * static_cast<double>(sum_lanes(wx));
  }
  const double determinant = aa * bb - ab * ab;
  const double dmin = determinant > 0 ? (xa * ab - xb * aa) / determinant : -1;
  if (dmin > 0) {
    return {.scale = static_cast<float>((xa * bb - xb * ab) / determinant),
            .offset = static_cast<float>(dmin)};
  }
  return {.scale = aa > 0 ? static_cast<float>(xa / aa) : 0, .offset = 0};
}

template <int kTop>
LLM_QUANT_INLINE void choose_all(const SuperBlock& block, const AffineScale* fits, int reach,
                                 AffineCode& code) {
  code.error = 0;
  for (int sub = 0; sub < kSubBlocks; ++sub) {
    choose_integers<kTop>(block, sub, fits[sub], reach, code);
  }
}

template <int kTop>
LLM_QUANT_INLINE AffineCode fit_super_block(const SuperBlock& block) {
  AffineScale fits[kSubBlocks];
  AffineScale largest;
  for (int sub = 0; sub < kSubBlocks; ++sub) {
    fits[sub] = fit_sub_block<kTop>(block.x + kSubSize * sub, block.weight + kSubSize * sub);
    largest.scale = std::max(largest.scale, fits[sub].scale);
    largest.offset = std::max(largest.offset, fits[sub].offset);
  }
  AffineCode code;
  code.d = covering_half(largest.scale, kTopScale, block.exponent);
  code.dmin = covering_half(largest.offset, kTopScale, block.exponent);
  choose_all<kTop>(block, fits, 0, code);

  const AffineScale solved = solve_super_block<kTop>(block, code);
  if (solved.scale > 0) {
    AffineCode second;
    second.d = nearest_half(solved.scale, block.exponent);
    second.dmin = nearest_half(solved.offset, block.exponent);
    choose_all<kTop>(block, fits, 0, second);
    if (second.error < code.error) code = second;
  }
  choose_all<kTop>(block, fits, 1, code);
  return code;
}

// The levels of the whole super-block. kTop = 15 or 31.
template <int kTop>
LLM_QUANT_INLINE AffineCode encode_affine(const float* x, const float* importance, uint8_t* q) {
  SuperBlock block;
  AffineCode code;
  std::fill_n(code.integers.scales, kSubBlocks, uint8_t{0});
  std::fill_n(code.integers.mins, kSubBlocks, uint8_t{0});
  std::fill_n(q, kSuper, uint8_t{0});
  if (!normalize_super(x, block)) return code;
  weigh<kSubSize>(block, importance);
  code = fit_super_block<kTop>(block);
  for (int sub = 0; sub < kSubBlocks; ++sub) {
    const AffineScale fit = code.of(code.integers.scales[sub], code.integers.mins[sub]);
    for (int j = kSubSize * sub; j < kSubSize * (sub + 1); j += kLanes) {
      const Float4 levels = levels_of<kTop>(load_lanes(block.x + j), fit);
      for (int lane = 0; lane < kLanes; ++lane) q[j + lane] = static_cast<uint8_t>(levels[lane]);
    }
  }
  return code;
}

}  // namespace llm::io::quant
