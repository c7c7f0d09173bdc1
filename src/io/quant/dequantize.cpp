#include <cstring>

#include "io/quant/k_blocks.h"
#include "io/quant/small_blocks.h"
#include "llm/core/check.h"
#include "llm/io/half.h"
#include "llm/io/quant.h"

namespace llm::io {
namespace {

// The block lies in memory of its own, so that the compiler knows that writing values leaves it.
template <class Codec>
LLM_QUANT_INLINE void decode_blocks(const std::byte* in, float* out, size_t values) {
  for (size_t at = 0; at < values; at += Codec::kValues, in += sizeof(typename Codec::Block)) {
    typename Codec::Block block;
    std::memcpy(&block, in, sizeof block);
    Codec::decode(block, out + at);
  }
}

// Types of 16 bits a value, 32 at a time.
template <float (*kConvert)(uint16_t)>
LLM_QUANT_INLINE void decode_words(const std::byte* in, float* out, size_t values) {
  constexpr size_t kChunk = 32;
  uint16_t words[kChunk];
  size_t at = 0;
  for (; at + kChunk <= values; at += kChunk) {
    std::memcpy(words, in + 2 * at, sizeof words);
    for (size_t j = 0; j < kChunk; ++j) out[at + j] = kConvert(words[j]);
  }
  if (at == values) return;
  std::memcpy(words, in + 2 * at, 2 * (values - at));
  for (size_t j = 0; at + j < values; ++j) out[at + j] = kConvert(words[j]);
}

LLM_QUANT_CLONES void decode_any(GgmlType type, const std::byte* in, float* out, size_t values) {
  using enum GgmlType;
  switch (type) {
    case kF16:
      return decode_words<half_to_float>(in, out, values);
    case kBF16:
      return decode_words<bfloat16_to_float>(in, out, values);
    case kQ4_0:
      return decode_blocks<quant::CodecQ4_0>(in, out, values);
    case kQ4_1:
      return decode_blocks<quant::CodecQ4_1>(in, out, values);
    case kQ5_0:
      return decode_blocks<quant::CodecQ5_0>(in, out, values);
    case kQ5_1:
      return decode_blocks<quant::CodecQ5_1>(in, out, values);
    case kQ8_0:
      return decode_blocks<quant::CodecQ8_0>(in, out, values);
    case kQ2_K:
      return decode_blocks<quant::CodecQ2_K>(in, out, values);
    case kQ3_K:
      return decode_blocks<quant::CodecQ3_K>(in, out, values);
    case kQ4_K:
      return decode_blocks<quant::CodecQ4_K>(in, out, values);
    case kQ5_K:
      return decode_blocks<quant::CodecQ5_K>(in, out, values);
    case kQ6_K:
      return decode_blocks<quant::CodecQ6_K>(in, out, values);
    default:
      if (values > 0) std::memcpy(out, in, values * sizeof(float));
  }
}

}  // namespace

void dequantize(GgmlType type, std::span<const std::byte> bytes, std::span<float> out) {
  LLM_CHECK(quant_block(type).can_decode, "{} is not decoded", quant_block(type).name);
  LLM_CHECK(bytes.size() == quant_bytes(type, out.size()), "{} bytes for {} values of {}",
            bytes.size(), out.size(), quant_block(type).name);
  decode_any(type, bytes.data(), out.data(), out.size());
}

}  // namespace llm::io
