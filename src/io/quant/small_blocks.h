// Codecs of the 32-value blocks. Each is a struct with its Block, decode and encode; they repeat
// the arithmetic of gguf.quants operation by operation in fp32, so that bytes and floats are equal.
// Loops have constant counts and no branches for the compiler to make vectors of.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "io/quant/blocks.h"
#include "io/quant/clones.h"
#include "llm/io/half.h"

namespace llm::io::quant {

// 1 / scale, and 0 where that is not finite: such a scale is zero as a half.
LLM_QUANT_INLINE float inverse_scale(float scale) {
  const float inverse = 1.0f / scale;
  return std::isfinite(inverse) ? inverse : 0.0f;
}

// Bits of a float whose order as an integer is the float's order (with -0 below +0).
LLM_QUANT_INLINE int32_t ordered_bits(float value) {
  const auto bits = std::bit_cast<int32_t>(value);
  return bits ^ ((bits >> 31) & 0x7FFFFFFF);
}
LLM_QUANT_INLINE float from_ordered_bits(int32_t bits) {
  return std::bit_cast<float>(bits ^ ((bits >> 31) & 0x7FFFFFFF));
}

struct Extremes {
  float min;
  float max;
};

LLM_QUANT_INLINE Extremes find_extremes(const float* x) {
  int32_t low = ordered_bits(x[0]);
  int32_t high = low;
  for (int j = 0; j < kSmall; ++j) {
    const int32_t bits = ordered_bits(x[j]);
    low = std::min(low, bits);
    high = std::max(high, bits);
  }
  return {from_ordered_bits(low), from_ordered_bits(high)};
}

// The first of the values with the largest magnitude.
LLM_QUANT_INLINE float signed_extreme(const float* x) {
  const auto [low, high] = find_extremes(x);
  if (high != -low) return high > -low ? high : low;
  int first = 0;
  while (std::fabs(x[first]) != high) ++first;
  return x[first];
}

LLM_QUANT_INLINE void unpack_nibbles(const uint8_t* qs, uint8_t* out) {
  for (int j = 0; j < 16; ++j) {
    out[j] = qs[j] & 15;
    out[j + 16] = static_cast<uint8_t>(qs[j] >> 4);
  }
}

LLM_QUANT_INLINE void pack_nibbles(const uint8_t* q, uint8_t* qs) {
  for (int j = 0; j < 16; ++j) qs[j] = static_cast<uint8_t>((q[j] & 15) | (q[j + 16] << 4));
}

LLM_QUANT_INLINE void unpack_fifth_bits(const uint8_t* qh, uint8_t* q) {
  uint32_t bits;
  std::memcpy(&bits, qh, sizeof bits);
  alignas(32) uint32_t fifth[kSmall];
  for (uint32_t j = 0; j < kSmall; ++j) fifth[j] = (bits >> j & 1u) << 4;
  for (int j = 0; j < kSmall; ++j) q[j] = static_cast<uint8_t>(q[j] | fifth[j]);
}

LLM_QUANT_INLINE void pack_fifth_bits(const uint8_t* q, uint8_t* qh) {
  uint32_t bits = 0;
  for (uint32_t j = 0; j < kSmall; ++j) bits |= static_cast<uint32_t>(q[j] >> 4) << j;
  std::memcpy(qh, &bits, sizeof bits);
}

// q = min(trunc((x - base) * inverse + shift), top); the arguments keep the sum at 0 or above.
LLM_QUANT_INLINE void round_levels(const float* x, float base, float inverse, float shift, int top,
                                   uint8_t* q) {
  alignas(32) int32_t level[kSmall];
  for (int j = 0; j < kSmall; ++j) {
    level[j] = static_cast<int32_t>((x[j] - base) * inverse + shift);
  }
  for (int j = 0; j < kSmall; ++j) q[j] = static_cast<uint8_t>(std::min(level[j], top));
}

// With kBits = 4 or 5: x = d * (q - 2^(kBits - 1)), d from the value of largest magnitude.
template <class Block, int kBits>
LLM_QUANT_INLINE void encode_signed(const float* x, Block& block, uint8_t* q) {
  constexpr int kHalf = 1 << (kBits - 1);
  const float d = signed_extreme(x) / -static_cast<float>(kHalf);
  block.d = float_to_half(d);
  round_levels(x, 0.0f, inverse_scale(d), static_cast<float>(kHalf) + 0.5f, 2 * kHalf - 1, q);
  pack_nibbles(q, block.qs);
}

// x = d * q + m, with m the least value.
template <class Block, int kBits>
LLM_QUANT_INLINE void encode_offset(const float* x, Block& block, uint8_t* q) {
  constexpr int kTop = (1 << kBits) - 1;
  const auto [low, high] = find_extremes(x);
  const float d = (high - low) / static_cast<float>(kTop);
  block.d = float_to_half(d);
  block.m = float_to_half(low);
  round_levels(x, low, inverse_scale(d), 0.5f, kTop, q);
  pack_nibbles(q, block.qs);
}

struct CodecQ4_0 {
  using Block = BlockQ4_0;
  static constexpr int kValues = kSmall;
  static LLM_QUANT_INLINE void decode(const Block& block, float* out) {
    alignas(32) uint8_t q[kSmall];
    unpack_nibbles(block.qs, q);
    const float d = half_to_float(block.d);
    for (int j = 0; j < kSmall; ++j) out[j] = d * static_cast<float>(q[j] - 8);
  }
  static LLM_QUANT_INLINE void encode(const float* x, Block& block) {
    alignas(32) uint8_t q[kSmall];
    encode_signed<Block, 4>(x, block, q);
  }
};

struct CodecQ4_1 {
  using Block = BlockQ4_1;
  static constexpr int kValues = kSmall;
  static LLM_QUANT_INLINE void decode(const Block& block, float* out) {
    alignas(32) uint8_t q[kSmall];
    unpack_nibbles(block.qs, q);
    const float d = half_to_float(block.d);
    const float m = half_to_float(block.m);
    for (int j = 0; j < kSmall; ++j) out[j] = d * static_cast<float>(q[j]) + m;
  }
  static LLM_QUANT_INLINE void encode(const float* x, Block& block) {
    alignas(32) uint8_t q[kSmall];
    encode_offset<Block, 4>(x, block, q);
  }
};

struct CodecQ5_0 {
  using Block = BlockQ5_0;
  static constexpr int kValues = kSmall;
  static LLM_QUANT_INLINE void decode(const Block& block, float* out) {
    alignas(32) uint8_t q[kSmall];
    unpack_nibbles(block.qs, q);
    unpack_fifth_bits(block.qh, q);
    const float d = half_to_float(block.d);
    for (int j = 0; j < kSmall; ++j) out[j] = d * static_cast<float>(q[j] - 16);
  }
  static LLM_QUANT_INLINE void encode(const float* x, Block& block) {
    alignas(32) uint8_t q[kSmall];
    encode_signed<Block, 5>(x, block, q);
    pack_fifth_bits(q, block.qh);
  }
};

struct CodecQ5_1 {
  using Block = BlockQ5_1;
  static constexpr int kValues = kSmall;
  static LLM_QUANT_INLINE void decode(const Block& block, float* out) {
    alignas(32) uint8_t q[kSmall];
    unpack_nibbles(block.qs, q);
    unpack_fifth_bits(block.qh, q);
    const float d = half_to_float(block.d);
    const float m = half_to_float(block.m);
    for (int j = 0; j < kSmall; ++j) out[j] = d * static_cast<float>(q[j]) + m;
  }
  static LLM_QUANT_INLINE void encode(const float* x, Block& block) {
    alignas(32) uint8_t q[kSmall];
    encode_offset<Block, 5>(x, block, q);
    pack_fifth_bits(q, block.qh);
  }
};

struct CodecQ8_0 {
  using Block = BlockQ8_0;
  static constexpr int kValues = kSmall;
  static LLM_QUANT_INLINE void decode(const Block& block, float* out) {
    const float d = half_to_float(block.d);
    for (int j = 0; j < kSmall; ++j) out[j] = static_cast<float>(block.qs[j]) * d;
  }
  static LLM_QUANT_INLINE void encode(const float* x, Block& block) {
    const auto [low, high] = find_extremes(x);
    const float d = std::fabs(std::max(high, -low)) / 127.0f;
    const float inverse = inverse_scale(d);
    block.d = float_to_half(d);
    alignas(32) int32_t q[kSmall];
    for (int j = 0; j < kSmall; ++j) {  // half away from zero
      const float scaled = x[j] * inverse;
      const auto whole = static_cast<int32_t>(scaled);
      const float rest = scaled - static_cast<float>(whole);
      q[j] = whole + (rest >= 0.5f ? 1 : 0) - (rest <= -0.5f ? 1 : 0);
    }
    for (int j = 0; j < kSmall; ++j) block.qs[j] = static_cast<int8_t>(q[j]);
  }
};

}  // namespace llm::io::quant
