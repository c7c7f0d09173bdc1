// IEEE 754 binary16 ("half", F16) and bfloat16 (BF16: the upper half of a binary32), to and from
// float. Rounding is to nearest, ties to even; subnormals, infinities and signs are kept; a NaN
// stays a NaN, and becomes a quiet one. Branches are selects, so that loops over these functions
// become vector code. Requires: the processor's rounding mode is to nearest (the default).
#pragma once

#include <bit>
#include <cstdint>

namespace llm::io {

inline float half_to_float(uint16_t half) {
  constexpr uint32_t kExponent = 0x7C00u << 13;
  const uint32_t sign = (half & 0x8000u) << 16;
  const uint32_t shifted = (half & 0x7FFFu) << 13;
  const uint32_t exponent = shifted & kExponent;
  const uint32_t normal = shifted + (112u << 23);  // the exponents' biases differ by 127 - 15
  const uint32_t special = normal + (112u << 23);  // infinity and NaN have the largest exponent
  const uint32_t quiet = shifted > kExponent ? 1u << 22 : 0u;
  // A subnormal is mantissa * 2^-24: with the exponent of 2^-14 it is 2^-14 too large.
  const float subnormal = std::bit_cast<float>(normal + (1u << 23)) - 0x1p-14f;
  uint32_t bits = exponent == kExponent ? (special | quiet) : normal;
  bits = exponent == 0 ? std::bit_cast<uint32_t>(subnormal) : bits;
  return std::bit_cast<float>(bits | sign);
}

// Magnitudes of 65520 and more become infinite.
inline uint16_t float_to_half(float value) {
  constexpr uint32_t kInfinity = 0x7F800000;
  const uint32_t all = std::bit_cast<uint32_t>(value);
  const uint32_t sign = (all >> 16) & 0x8000u;
  const uint32_t bits = all & 0x7FFFFFFFu;
  const uint32_t is_odd = (bits >> 13) & 1u;
  const uint32_t normal = (bits - (112u << 23) + 0xFFFu + is_odd) >> 13;
  // Below 2^-14 the unit is 2^-24: the last place of floats between 0.5 and 1.
  const float shifted = std::bit_cast<float>(bits) + 0.5f;
  const uint32_t subnormal = std::bit_cast<uint32_t>(shifted) - std::bit_cast<uint32_t>(0.5f);
  const uint32_t nan = 0x7E00u | ((bits >> 13) & 0x1FFu);
  uint32_t half = bits < (113u << 23) ? subnormal : normal;
  half = bits >= (143u << 23) ? 0x7C00u : half;
  half = bits > kInfinity ? nan : half;
  return static_cast<uint16_t>(half | sign);
}

inline float bfloat16_to_float(uint16_t value) {
  return std::bit_cast<float>(static_cast<uint32_t>(value) << 16);
}

inline uint16_t float_to_bfloat16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t rounded = (bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16;
  const uint32_t quiet = (bits >> 16) | 0x40u;
  return static_cast<uint16_t>((bits & 0x7FFFFFFFu) > 0x7F800000u ? quiet : rounded);
}

}  // namespace llm::io
