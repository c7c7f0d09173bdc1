// Oracle: gguf.quants of the Python package gguf (tests/golden/gguf/blocks.gguf), bit for bit.
#include "llm/io/quant.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "llm/core/check.h"
#include "llm/core/error.h"
#include "llm/io/gguf.h"
#include "support/error_text.h"
#include "support/paths.h"

namespace llm::io {
namespace {

using ::testing::HasSubstr;

const GgufFile& golden_blocks() {
  static const GgufFile file(test::source_dir() / "tests/golden/gguf/blocks.gguf");
  return file;
}

std::vector<float> golden_floats(const std::string& name) {
  const auto bytes = golden_blocks().bytes(*golden_blocks().find_tensor(name));
  std::vector<float> out(bytes.size() / 4);
  std::memcpy(out.data(), bytes.data(), bytes.size());
  return out;
}

class QuantGolden : public ::testing::TestWithParam<const char*> {
 protected:
  void expect_decodes(const std::string& name) {
    const GgufTensor* tensor = golden_blocks().find_tensor(name);
    ASSERT_NE(tensor, nullptr);
    const std::vector<float> expected = golden_floats(name + ".values");
    std::vector<float> decoded(expected.size());
    dequantize(tensor->type, golden_blocks().bytes(*tensor), decoded);
    for (size_t i = 0; i < expected.size(); ++i) {
      ASSERT_EQ(std::bit_cast<uint32_t>(decoded[i]), std::bit_cast<uint32_t>(expected[i]))
          << name << " value " << i << ": " << decoded[i] << ", not " << expected[i];
    }
  }
};

class EncodedQuant : public QuantGolden {};
TEST_P(EncodedQuant, DecodesAsTheReference) { expect_decodes(GetParam()); }
TEST_P(EncodedQuant, EncodesAsTheReference) {
  const GgufTensor* tensor = golden_blocks().find_tensor(GetParam());
  const auto expected = golden_blocks().bytes(*tensor);
  std::vector<std::byte> encoded(expected.size());
  quantize(tensor->type, golden_floats("x"), encoded);
  const auto block = static_cast<size_t>(quant_block(tensor->type).bytes);
  for (size_t i = 0; i < expected.size(); ++i) {
    ASSERT_EQ(encoded[i], expected[i]) << "block " << i / block << " byte " << i % block;
  }
}
INSTANTIATE_TEST_SUITE_P(Types, EncodedQuant,
                         ::testing::Values("F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0"));

class RandomQuant : public QuantGolden {};
TEST_P(RandomQuant, DecodesAsTheReference) { expect_decodes(GetParam() + std::string(".random")); }
INSTANTIATE_TEST_SUITE_P(Types, RandomQuant,
                         ::testing::Values("Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K",
                                           "Q4_K", "Q5_K", "Q6_K"));

TEST(Quant, Float32IsCopied) {
  const std::vector<float> values = golden_floats("x");
  std::vector<std::byte> bytes(4 * values.size());
  quantize(GgmlType::kF32, values, bytes);
  std::vector<float> again(values.size());
  dequantize(GgmlType::kF32, bytes, again);
  EXPECT_EQ(again, values);
}

// A row that is no multiple of the width that the loops work at.
TEST(Quant, WordsOfAnyNumber) {
  for (const size_t count : {size_t{0}, size_t{1}, size_t{31}, size_t{33}, size_t{5000}}) {
    std::vector<float> values(count);
    for (size_t i = 0; i < count; ++i) values[i] = static_cast<float>(i % 256) / 8;
    for (const GgmlType type : {GgmlType::kF16, GgmlType::kBF16}) {
      std::vector<std::byte> bytes(2 * count);
      quantize(type, values, bytes);
      std::vector<float> again(count);
      dequantize(type, bytes, again);
      EXPECT_EQ(again, values);
    }
  }
}

TEST(Quant, TraitsHoldTogether) {
  for (const char* name : {"F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K",
                           "Q3_K", "Q4_K", "Q5_K", "Q6_K"}) {
    const QuantBlock* block = find_quant_block(name);
    ASSERT_NE(block, nullptr) << name;
    EXPECT_TRUE(block->can_decode) << name;
    EXPECT_EQ(find_quant_block(static_cast<uint32_t>(block->type)), block);
  }
  EXPECT_EQ(find_quant_block("q4_k")->type, GgmlType::kQ4_K);
  EXPECT_EQ(find_quant_block("Q4_KM"), nullptr);
  EXPECT_EQ(find_quant_block(uint32_t{4}), nullptr);
  EXPECT_EQ(quant_block(GgmlType::kQ6_K).bits_per_weight(), 6.5625);
  EXPECT_EQ(quant_block(GgmlType::kQ4_0).bits_per_weight(), 4.5);
  EXPECT_EQ(quant_bytes(GgmlType::kQ5_K, 512), 352u);
  EXPECT_THROW(quant_bytes(GgmlType::kQ5_K, 511), core::ContractViolation);
}

TEST(Quant, TypesWithoutADecoderAreNamed) {
  require_decoder(GgmlType::kQ2_K, "x");
  EXPECT_THAT(test::error_text<core::FormatError>(
                  [] { require_decoder(GgmlType::kIQ2_XS, "m.gguf: blk.0.attn_q.weight"); }),
              HasSubstr("m.gguf: blk.0.attn_q.weight: expected a tensor of type F32, F16, Q4_0, "
                        "Q4_1, Q5_0, Q5_1, Q8_0, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, BF16, got IQ2_XS"));
  std::vector<float> out(256);
  EXPECT_THROW(dequantize(GgmlType::kIQ2_XS, std::vector<std::byte>(74), out),
               core::ContractViolation);
}

std::vector<GgmlType> encodable_types() {
  std::vector<GgmlType> out;
  for (uint32_t type = 0; type < 64; ++type) {
    const QuantBlock* block = find_quant_block(type);
    if (block != nullptr && block->can_encode) out.push_back(block->type);
  }
  return out;
}

std::string quantize_refusal(GgmlType type, const std::vector<float>& values) {
  return test::error_text<core::NumericError>([&] {
    std::vector<std::byte> out(quant_bytes(type, values.size()));
    quantize(type, values, out, {.where = "blk.0.w", .first_value = 1000000});
  });
}

TEST(Quant, RefusesNonFiniteValuesWithTheirPlace) {
  EXPECT_EQ(encodable_types().size(), 11u);
  for (const GgmlType type : encodable_types()) {
    for (const float bad :
         {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
      std::vector<float> values(8192, 0.5f);
      values[4999] = bad;
      values[6000] = bad;
      EXPECT_THAT(quantize_refusal(type, values),
                  HasSubstr("blk.0.w: expected finite values, got"));
      EXPECT_THAT(quantize_refusal(type, values), HasSubstr("at value 1004999"));
    }
  }
}

// The largest magnitude that fits, and one that does not: its half would be infinite.
TEST(Quant, RefusesValuesBeyondTheType) {
  const auto with = [](GgmlType type, float value) {
    std::vector<float> values(512, 1.0f);
    values[300] = value;
    return quantize_refusal(type, values);
  };
  EXPECT_EQ(with(GgmlType::kF16, 65519), "no exception");
  EXPECT_THAT(with(GgmlType::kF16, -65520),
              HasSubstr("values that F16 can represent, got -65520 at value 1000300. Write"));
  EXPECT_EQ(with(GgmlType::kBF16, 3.38e38f), "no exception");
  EXPECT_THAT(with(GgmlType::kBF16, 3.4e38f), HasSubstr("BF16 can represent, got 3.4e+38"));
  EXPECT_EQ(with(GgmlType::kQ4_0, 8 * 65000.f), "no exception");
  EXPECT_THAT(with(GgmlType::kQ4_0, 8 * 65600.f), HasSubstr("Q4_0"));
  EXPECT_EQ(with(GgmlType::kQ4_1, 15 * 65000.f), "no exception");
  EXPECT_THAT(with(GgmlType::kQ4_1, -65600.f), HasSubstr("Q4_1"));
  EXPECT_EQ(with(GgmlType::kQ5_0, 16 * 65000.f), "no exception");
  EXPECT_THAT(with(GgmlType::kQ5_1, -65600.f), HasSubstr("Q5_1"));
  EXPECT_EQ(with(GgmlType::kQ8_0, 127 * 65000.f), "no exception");
  EXPECT_THAT(with(GgmlType::kQ8_0, 127 * 65600.f), HasSubstr("Q8_0"));
  EXPECT_EQ(with(GgmlType::kQ6_K, 32 * 127 * 65000.f), "no exception");
  for (const GgmlType type : encodable_types()) {
    if (type == GgmlType::kF32 || type == GgmlType::kBF16) continue;
    EXPECT_THAT(with(type, 1e20f), HasSubstr("got 1e+20 at value 1000300"));
    EXPECT_THAT(with(type, -3e38f), HasSubstr("got -3e+38 at value 1000300"));
  }
}

TEST(Quant, ChecksItsContracts) {
  const std::vector<float> values(256);
  std::vector<std::byte> out(144);
  EXPECT_THROW(quantize(GgmlType::kQ2_K, values, out), core::ContractViolation);
  EXPECT_THROW(quantize(GgmlType::kQ5_K, values, out), core::ContractViolation);
  EXPECT_THROW(quantize(GgmlType::kQ4_0, values, out, {.importance = values}),
               core::ContractViolation);
  const std::vector<float> weights(128);
  EXPECT_THROW(quantize(GgmlType::kQ4_K, values, out, {.importance = weights}),
               core::ContractViolation);
}

}  // namespace
}  // namespace llm::io
