// Decoders of the super-blocks of 256 values, in the order of operations of gguf.quants, and the
// packing of 6-bit scales that Q4_K and Q5_K share.
#pragma once

#include <cstdint>

#include "io/quant/blocks.h"
#include "io/quant/clones.h"
#include "llm/io/half.h"

namespace llm::io::quant {

struct ScalesAndMins {
  uint8_t scales[8];
  uint8_t mins[8];
};

// Bytes 0-3 hold scales 0-3 and the upper two bits of scales 4-7; bytes 4-7 so the mins; bytes 8-11
// the lower nibbles of scales and mins 4-7.
LLM_QUANT_INLINE ScalesAndMins unpack_scales(const uint8_t* packed) {
  ScalesAndMins out;
  for (int j = 0; j < 4; ++j) {
    out.scales[j] = packed[j] & 63;
    out.mins[j] = packed[j + 4] & 63;
    out.scales[j + 4] = static_cast<uint8_t>((packed[j + 8] & 15) | ((packed[j] >> 6) << 4));
    out.mins[j + 4] = static_cast<uint8_t>((packed[j + 8] >> 4) | ((packed[j + 4] >> 6) << 4));
  }
  return out;
}

LLM_QUANT_INLINE void pack_scales(const ScalesAndMins& from, uint8_t* packed) {
  for (int j = 0; j < 4; ++j) {
    packed[j] = static_cast<uint8_t>(from.scales[j] | ((from.scales[j + 4] >> 4) << 6));
    packed[j + 4] = static_cast<uint8_t>(from.mins[j] | ((from.mins[j + 4] >> 4) << 6));
    packed[j + 8] =
        static_cast<uint8_t>((from.scales[j + 4] & 15) | ((from.mins[j + 4] & 15) << 4));
  }
}

struct CodecQ2_K {
  using Block = BlockQ2_K;
  static constexpr int kValues = kSuper;
  static LLM_QUANT_INLINE void decode(const Block& block, float* out) {
    const float d = half_to_float(block.d);
    const float dmin = half_to_float(block.dmin);
    for (int sub = 0; sub < 16; ++sub) {
      const float scale = d * static_cast<float>(block.scales[sub] & 15);
      const float min = dmin * static_cast<float>(block.scales[sub] >> 4);
      const int shift = 2 * (sub / 2 % 4);
      const uint8_t* qs = block.qs + 32 * (sub / 8) + 16 * (sub % 2);
      for (int l = 0; l < 16; ++l) {
        out[16 * sub + l] = scale * static_cast<float>((qs[l] >> shift) & 3) - min;
      }
    }
  }
};

struct CodecQ3_K {
  using Block = BlockQ3_K;
  static constexpr int kValues = kSuper;
  static LLM_QUANT_INLINE void decode(const Block& block, float* out) {
    const float d = half_to_float(block.d);
    for (int sub = 0; sub < 16; ++sub) {
      const int low = sub < 8 ? block.scales[sub] & 15 : block.scales[sub - 8] >> 4;
      const int high = (block.scales[8 + sub % 4] >> (2 * (sub / 4))) & 3;
      const float scale = d * static_cast<float>((low | (high << 4)) - 32);
      const int shift = 2 * (sub / 2 % 4);
      const uint8_t* qs = block.qs + 32 * (sub / 8) + 16 * (sub % 2);
      const uint8_t* mask = block.hmask + 16 * (sub % 2);
      const int bit = sub / 2;
      for (int l = 0; l < 16; ++l) {
        const int q = ((qs[l] >> shift) & 3) + 4 * ((mask[l] >> bit) & 1) - 4;
        out[16 * sub + l] = scale * static_cast<float>(q);
      }
    }
  }
};

struct CodecQ4_K {
  using Block = BlockQ4_K;
  static constexpr int kValues = kSuper;
  static LLM_QUANT_INLINE void decode(const Block& block, float* out) {
    const float d = half_to_float(block.d);
    const float dmin = half_to_float(block.dmin);
    const ScalesAndMins packed = unpack_scales(block.scales);
    for (int sub = 0; sub < 8; ++sub) {
      const float scale = d * static_cast<float>(packed.scales[sub]);
      const float min = dmin * static_cast<float>(packed.mins[sub]);
      const uint8_t* qs = block.qs + 32 * (sub / 2);
      const int shift = 4 * (sub % 2);
      for (int l = 0; l < 32; ++l) {
        out[32 * sub + l] = scale * static_cast<float>((qs[l] >> shift) & 15) - min;
      }
    }
  }
};

struct CodecQ5_K {
  using Block = BlockQ5_K;
  static constexpr int kValues = kSuper;
  static LLM_QUANT_INLINE void decode(const Block& block, float* out) {
    const float d = half_to_float(block.d);
    const float dmin = half_to_float(block.dmin);
    const ScalesAndMins packed = unpack_scales(block.scales);
    for (int sub = 0; sub < 8; ++sub) {
      const float scale = d * static_cast<float>(packed.scales[sub]);
      const float min = dmin * static_cast<float>(packed.mins[sub]);
      const uint8_t* qs = block.qs + 32 * (sub / 2);
      const int shift = 4 * (sub % 2);
      for (int l = 0; l < 32; ++l) {
        const int q = ((qs[l] >> shift) & 15) | (((block.qh[l] >> sub) & 1) << 4);
        out[32 * sub + l] = scale * static_cast<float>(q) - min;
      }
    }
  }
};

struct CodecQ6_K {
  using Block = BlockQ6_K;
  static constexpr int kValues = kSuper;
  static LLM_QUANT_INLINE void decode(const Block& block, float* out) {
    const float d = half_to_float(block.d);
    for (int sub = 0; sub < 16; ++sub) {
      const float scale = d * static_cast<float>(block.scales[sub]);
      const int group = sub / 2 % 4;  // of 32 values, in its half of the super-block
      const uint8_t* ql = block.ql + 64 * (sub / 8) + 32 * (group % 2) + 16 * (sub % 2);
      const uint8_t* qh = block.qh + 32 * (sub / 8) + 16 * (sub % 2);
      const int low_shift = 4 * (group / 2);
      const int high_shift = 2 * group;
      for (int l = 0; l < 16; ++l) {
        const int q = ((ql[l] >> low_shift) & 15) | (((qh[l] >> high_shift) & 3) << 4);
        out[16 * sub + l] = scale * static_cast<float>(q - 32);
      }
    }
  }
};

}  // namespace llm::io::quant
