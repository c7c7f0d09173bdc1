// The bytes of one block of each type (ggml-common.h of llama.cpp gives the same). Scales d, dmin
// and m are halves; q are the quantised values.
#pragma once

#include <cstdint>

namespace llm::io::quant {

inline constexpr int kSmall = 32;   // values in a block of Q4_0 ... Q8_0
inline constexpr int kSuper = 256;  // values in a super-block of the K types

// x = d * (q - 8). Byte j: low nibble value j, high nibble value j + 16. So too in the next three.
struct BlockQ4_0 {
  uint16_t d;
  uint8_t qs[16];
};
// x = d * q + m
struct BlockQ4_1 {
  uint16_t d;
  uint16_t m;
  uint8_t qs[16];
};
// x = d * (q - 16); bit j % 8 of qh[j / 8] is the fifth bit of value j
struct BlockQ5_0 {
  uint16_t d;
  uint8_t qh[4];
  uint8_t qs[16];
};
// x = d * q + m
struct BlockQ5_1 {
  uint16_t d;
  uint16_t m;
  uint8_t qh[4];
  uint8_t qs[16];
};
// x = d * q
struct BlockQ8_0 {
  uint16_t d;
  int8_t qs[32];
};
// 16 sub-blocks of 16: x = d * scale * q - dmin * min. scales[i]: low nibble scale, high nibble
// min.
struct BlockQ2_K {
  uint8_t scales[16];
  uint8_t qs[64];  // bits 2j and 2j + 1 of qs[32 n + l] are value 128 n + 32 j + l
  uint16_t d;
  uint16_t dmin;
};
// 16 sub-blocks of 16: x = d * (scale - 32) * (q - 4); the third bit of q lies in hmask
struct BlockQ3_K {
  uint8_t hmask[32];  // bit i of hmask[l] belongs to value 32 i + l
  uint8_t qs[64];     // as in Q2_K
  uint8_t scales[12];
  uint16_t d;
};
// 8 sub-blocks of 32: x = d * scale * q - dmin * min; scales and mins have 6 bits
struct BlockQ4_K {
  uint16_t d;
  uint16_t dmin;
  uint8_t scales[12];
  uint8_t qs[128];  // low nibbles of qs[32 n + l]: value 64 n + l; high nibbles: 64 n + 32 + l
};
struct BlockQ5_K {
  uint16_t d;
  uint16_t dmin;
  uint8_t scales[12];
  uint8_t qh[32];  // bit i of qh[l] is the fifth bit of value 32 i + l
  uint8_t qs[128];
};
// 16 sub-blocks of 16: x = d * scale * (q - 32)
struct BlockQ6_K {
  uint8_t ql[128];  // low nibbles of ql[64 n + l]: value 128 n + l; high nibbles: 128 n + 64 + l
  uint8_t qh[64];   // bits 2j and 2j + 1 of qh[32 n + l] belong to value 128 n + 32 j + l
  int8_t scales[16];
  uint16_t d;
};

static_assert(sizeof(BlockQ4_0) == 18 && sizeof(BlockQ4_1) == 20 && sizeof(BlockQ5_0) == 22 &&
              sizeof(BlockQ5_1) == 24 && sizeof(BlockQ8_0) == 34);
static_assert(sizeof(BlockQ2_K) == 84 && sizeof(BlockQ3_K) == 110 && sizeof(BlockQ4_K) == 144 &&
              sizeof(BlockQ5_K) == 176 && sizeof(BlockQ6_K) == 210);

}  // namespace llm::io::quant
