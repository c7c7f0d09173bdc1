#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "llm/core/check.h"
#include "llm/core/error.h"
#include "llm/io/quant.h"

namespace llm::io {
namespace {

using enum GgmlType;

// Sizes as in GGML_QUANT_SIZES of the package gguf.
constexpr std::array kQuantBlocks{
    QuantBlock{kF32, "F32", 1, 4, true, true},
    QuantBlock{kF16, "F16", 1, 2, true, true},
    QuantBlock{kQ4_0, "Q4_0", 32, 18, true, true},
    QuantBlock{kQ4_1, "Q4_1", 32, 20, true, true},
    QuantBlock{kQ5_0, "Q5_0", 32, 22, true, true},
    QuantBlock{kQ5_1, "Q5_1", 32, 24, true, true},
    QuantBlock{kQ8_0, "Q8_0", 32, 34, true, true},
    QuantBlock{kQ8_1, "Q8_1", 32, 40},
    QuantBlock{kQ2_K, "Q2_K", 256, 84, true},
    QuantBlock{kQ3_K, "Q3_K", 256, 110, true},
    QuantBlock{kQ4_K, "Q4_K", 256, 144, true, true, true},
    QuantBlock{kQ5_K, "Q5_K", 256, 176, true, true, true},
    QuantBlock{kQ6_K, "Q6_K", 256, 210, true, true, true},
    QuantBlock{kQ8_K, "Q8_K", 256, 292},
    QuantBlock{kIQ2_XXS, "IQ2_XXS", 256, 66},
    QuantBlock{kIQ2_XS, "IQ2_XS", 256, 74},
    QuantBlock{kIQ3_XXS, "IQ3_XXS", 256, 98},
    QuantBlock{kIQ1_S, "IQ1_S", 256, 50},
    QuantBlock{kIQ4_NL, "IQ4_NL", 32, 18},
    QuantBlock{kIQ3_S, "IQ3_S", 256, 110},
    QuantBlock{kIQ2_S, "IQ2_S", 256, 82},
    QuantBlock{kIQ4_XS, "IQ4_XS", 256, 136},
    QuantBlock{kI8, "I8", 1, 1},
    QuantBlock{kI16, "I16", 1, 2},
    QuantBlock{kI32, "I32", 1, 4},
    QuantBlock{kI64, "I64", 1, 8},
    QuantBlock{kF64, "F64", 1, 8},
    QuantBlock{kIQ1_M, "IQ1_M", 256, 56},
    QuantBlock{kBF16, "BF16", 1, 2, true, true},
    QuantBlock{kTQ1_0, "TQ1_0", 256, 54},
    QuantBlock{kTQ2_0, "TQ2_0", 256, 66},
    QuantBlock{kMXFP4, "MXFP4", 32, 17},
    QuantBlock{kNVFP4, "NVFP4", 64, 36},
    QuantBlock{kQ1_0, "Q1_0", 128, 18},
};

bool equals_in_any_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](unsigned char x, unsigned char y) {
    return std::toupper(x) == std::toupper(y);
  });
}

}  // namespace

const QuantBlock* find_quant_block(uint32_t type) {
  for (const QuantBlock& block : kQuantBlocks) {
    if (static_cast<uint32_t>(block.type) == type) return &block;
  }
  return nullptr;
}

const QuantBlock* find_quant_block(std::string_view name) {
  for (const QuantBlock& block : kQuantBlocks) {
    if (equals_in_any_case(block.name, name)) return &block;
  }
  return nullptr;
}

const QuantBlock& quant_block(GgmlType type) {
  const QuantBlock* block = find_quant_block(static_cast<uint32_t>(type));
  LLM_CHECK(block != nullptr, "no GGML type has the number {}", static_cast<uint32_t>(type));
  return *block;
}

uint64_t quant_bytes(GgmlType type, uint64_t values) {
  const QuantBlock& block = quant_block(type);
  const auto per_block = static_cast<uint64_t>(block.values);
  LLM_CHECK(values % per_block == 0, "{} values in {} blocks of {}", values, block.name, per_block);
  return values / per_block * static_cast<uint64_t>(block.bytes);
}

void require_decoder(GgmlType type, const std::string& where) {
  if (quant_block(type).can_decode) return;
  std::string known;
  for (const QuantBlock& block : kQuantBlocks) {
    if (block.can_decode) known += known.empty() ? block.name : fmt::format(", {}", block.name);
  }
  throw core::FormatError(
      {.where = where,
       .expected = "a tensor of type " + known,
       .got = quant_block(type).name,
       .hint = "Take another quantisation of the model, such as Q8_0 or Q4_K_M"});
}

}  // namespace llm::io
