#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "io/quant/affine_fit.h"
#include "io/quant/k_blocks.h"
#include "io/quant/small_blocks.h"
#include "io/quant/symmetric_fit.h"
#include "llm/core/check.h"
#include "llm/core/error.h"
#include "llm/io/half.h"
#include "llm/io/quant.h"

namespace llm::io {
namespace {

constexpr size_t kQuantChunk = 4096;            // values that are looked at, then encoded
constexpr float kSurelyRepresentable = 65504;   // the largest half
constexpr float kNeverRepresentable = 0x1p40f;  // more than any block type reaches

template <class Codec>
LLM_QUANT_INLINE void encode_blocks(const float* x, std::byte* out, size_t values) {
  for (size_t at = 0; at < values; at += Codec::kValues, out += sizeof(typename Codec::Block)) {
    typename Codec::Block block;
    Codec::encode(x + at, block);
    std::memcpy(out, &block, sizeof block);
  }
}

template <uint16_t (*kConvert)(float)>
LLM_QUANT_INLINE void encode_words(const float* x, std::byte* out, size_t values) {
  constexpr size_t kWords = 32;
  uint16_t words[kWords];
  size_t at = 0;
  for (; at + kWords <= values; at += kWords) {
    for (size_t j = 0; j < kWords; ++j) words[j] = kConvert(x[at + j]);
    std::memcpy(out + 2 * at, words, sizeof words);
  }
  for (; at < values; ++at) {
    const uint16_t word = kConvert(x[at]);
    std::memcpy(out + 2 * at, &word, sizeof word);
  }
}

LLM_QUANT_INLINE void encode_q4_k(const float* x, const float* importance, std::byte* out) {
  uint8_t q[quant::kSuper];
  const quant::AffineCode code = quant::encode_affine<15>(x, importance, q);
  quant::BlockQ4_K block;
  block.d = code.d.bits;
  block.dmin = code.dmin.bits;
  quant::pack_scales(code.integers, block.scales);
  for (int j = 0; j < 128; ++j) {
    const uint8_t* low = q + 64 * (j / 32) + j % 32;
    block.qs[j] = static_cast<uint8_t>(low[0] | (low[32] << 4));
  }
  std::memcpy(out, &block, sizeof block);
}

LLM_QUANT_INLINE void encode_q5_k(const float* x, const float* importance, std::byte* out) {
  uint8_t q[quant::kSuper];
  const quant::AffineCode code = quant::encode_affine<31>(x, importance, q);
  quant::BlockQ5_K block{};
  block.d = code.d.bits;
  block.dmin = code.dmin.bits;
  quant::pack_scales(code.integers, block.scales);
  for (int j = 0; j < 128; ++j) {
    const uint8_t* low = q + 64 * (j / 32) + j % 32;
    block.qs[j] = static_cast<uint8_t>((low[0] & 15) | ((low[32] & 15) << 4));
  }
  for (int j = 0; j < quant::kSuper; ++j) {
    block.qh[j % 32] |= static_cast<uint8_t>((q[j] >> 4) << (j / 32));
  }
  std::memcpy(out, &block, sizeof block);
}

LLM_QUANT_INLINE void encode_q6_k(const float* x, const float* importance, std::byte* out) {
  uint8_t q[quant::kSuper];
  const quant::SymmetricCode code = quant::encode_symmetric(x, importance, q);
  quant::BlockQ6_K block{};
  block.d = code.d.bits;
  std::memcpy(block.scales, code.scales, sizeof block.scales);
  for (int j = 0; j < 128; ++j) {
    const uint8_t* low = q + 128 * (j / 64) + j % 64;
    block.ql[j] = static_cast<uint8_t>((low[0] & 15) | ((low[64] & 15) << 4));
  }
  for (int j = 0; j < quant::kSuper; ++j) {
    block.qh[32 * (j / 128) + j % 32] |= static_cast<uint8_t>((q[j] >> 4) << (2 * (j / 32 % 4)));
  }
  std::memcpy(out, &block, sizeof block);
}

LLM_QUANT_CLONES void encode_small(GgmlType type, const float* x, std::byte* out, size_t values) {
  using enum GgmlType;
  switch (type) {
    case kF16:
      return encode_words<float_to_half>(x, out, values);
    case kBF16:
      return encode_words<float_to_bfloat16>(x, out, values);
    case kQ4_0:
      return encode_blocks<quant::CodecQ4_0>(x, out, values);
    case kQ4_1:
      return encode_blocks<quant::CodecQ4_1>(x, out, values);
    case kQ5_0:
      return encode_blocks<quant::CodecQ5_0>(x, out, values);
    case kQ5_1:
      return encode_blocks<quant::CodecQ5_1>(x, out, values);
    case kQ8_0:
      return encode_blocks<quant::CodecQ8_0>(x, out, values);
    default:
      std::memcpy(out, x, values * sizeof(float));
  }
}

void encode_super(GgmlType type, const float* x, const float* importance, std::byte* out) {
  if (type == GgmlType::kQ4_K) return encode_q4_k(x, importance, out);
  if (type == GgmlType::kQ5_K) return encode_q5_k(x, importance, out);
  encode_q6_k(x, importance, out);
}

// The largest magnitude; NaN and infinity count as infinity.
LLM_QUANT_CLONES float largest_magnitude(const float* x, size_t values) {
  constexpr size_t kWidth = 32;
  uint32_t largest[kWidth] = {};
  size_t at = 0;
  for (; at + kWidth <= values; at += kWidth) {
    for (size_t j = 0; j < kWidth; ++j) {
      largest[j] = std::max(largest[j], std::bit_cast<uint32_t>(x[at + j]) & 0x7FFFFFFFu);
    }
  }
  for (; at < values; ++at) {
    largest[0] = std::max(largest[0], std::bit_cast<uint32_t>(x[at]) & 0x7FFFFFFFu);
  }
  const uint32_t top = *std::max_element(largest, largest + kWidth);
  return std::bit_cast<float>(std::min(top, 0x7F800000u));
}

class Quantizer {
 public:
  Quantizer(GgmlType type, const QuantizeOptions& options)
      : block_(quant_block(type)), options_(options) {}

  void encode(std::span<const float> values, std::span<std::byte> out) const {
    const auto chunk = kQuantChunk;
    for (size_t at = 0; at < values.size(); at += chunk) {
      const auto part = values.subspan(at, std::min(chunk, values.size() - at));
      const auto bytes =
          out.subspan(quant_bytes(block_.type, at), quant_bytes(block_.type, part.size()));
      encode_chunk(part, at, bytes);
    }
  }

 private:
  void encode_chunk(std::span<const float> x, size_t at, std::span<std::byte> out) const {
    const float largest = largest_magnitude(x.data(), x.size());
    if (std::isinf(largest)) refuse_non_finite(x, at);
    if (largest >= kNeverRepresentable && block_.values > 1) refuse_large(x, at);
    if (block_.uses_importance) {
      encode_supers(x, at, out);
    } else {
      encode_small(block_.type, x.data(), out.data(), x.size());
    }
    if (largest >= kSurelyRepresentable) check_scales(x, at, out);
  }

  void encode_supers(std::span<const float> x, size_t at, std::span<std::byte> out) const {
    const auto values = static_cast<size_t>(block_.values);
    const auto bytes = static_cast<size_t>(block_.bytes);
    const std::span<const float> importance = options_.importance;
    for (size_t i = 0; i < x.size() / values; ++i) {
      const size_t column = importance.empty() ? 0 : (at + i * values) % importance.size();
      encode_super(block_.type, x.data() + i * values,
                   importance.empty() ? nullptr : importance.data() + column,
                   out.data() + i * bytes);
    }
  }

  // A scale that overflowed shows when its block is decoded.
  void check_scales(std::span<const float> x, size_t at, std::span<const std::byte> out) const {
    const auto values = static_cast<size_t>(block_.values);
    std::vector<float> decoded(values);
    for (size_t i = 0; i < x.size(); i += values) {
      dequantize(block_.type, out.subspan(quant_bytes(block_.type, i), block_.bytes), decoded);
      for (const float value : decoded) {
        if (!std::isfinite(value)) refuse_large(x.subspan(i, values), at + i);
      }
    }
  }

  [[noreturn]] void refuse_non_finite(std::span<const float> x, size_t at) const {
    size_t bad = 0;
    while (std::isfinite(x[bad])) ++bad;
    refuse("finite values", x[bad], at + bad,
           "Such a model is damaged: its training diverged, or its file is broken");
  }

  [[noreturn]] void refuse_large(std::span<const float> x, size_t at) const {
    size_t bad = 0;
    for (size_t j = 1; j < x.size(); ++j) {
      if (std::fabs(x[j]) > std::fabs(x[bad])) bad = j;
    }
    refuse(fmt::format("values that {} can represent", block_.name), x[bad], at + bad,
           "Write this tensor as F32 or BF16");
  }

  [[noreturn]] void refuse(const std::string& expected, float value, size_t index,
                           const std::string& hint) const {
    throw core::NumericError(
        {.where = options_.where,
         .expected = expected,
         .got = fmt::format("{} at value {}", value, options_.first_value + index),
         .hint = hint});
  }

  const QuantBlock& block_;
  const QuantizeOptions& options_;
};

}  // namespace

void quantize(GgmlType type, std::span<const float> values, std::span<std::byte> out,
              const QuantizeOptions& options) {
  const QuantBlock& block = quant_block(type);
  LLM_CHECK(block.can_encode, "{} is not encoded", block.name);
  LLM_CHECK(out.size() == quant_bytes(type, values.size()), "{} bytes for {} values of {}",
            out.size(), values.size(), block.name);
  const size_t columns = options.importance.size();
  LLM_CHECK(columns == 0 || block.uses_importance, "{} takes no importance", block.name);
  LLM_CHECK(columns == 0 ||
                (columns % static_cast<size_t>(block.values) == 0 && values.size() % columns == 0),
            "importance of {} columns for {} values", columns, values.size());
  Quantizer(type, options).encode(values, out);
}

}  // namespace llm::io
