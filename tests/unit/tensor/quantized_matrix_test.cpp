// Oracle: io::dequantize of whole parts.
#include "llm/tensor/quantized_matrix.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "llm/core/check.h"
#include "llm/tensor/parameter_store.h"

namespace llm::tensor {
namespace {

constexpr int64_t kColumns = 96;

QuantizedPart random_part(const std::string& name, io::GgmlType type, int64_t rows) {
  const io::QuantBlock& block = io::quant_block(type);
  const at::Tensor values = at::randn({rows, kColumns});
  const at::Tensor blocks = at::empty({rows, kColumns / block.values * block.bytes}, at::kByte);
  io::quantize(type, {values.const_data_ptr<float>(), static_cast<size_t>(values.numel())},
               {static_cast<std::byte*>(blocks.data_ptr()), static_cast<size_t>(blocks.numel())});
  return {name, type, blocks};
}

at::Tensor decoded(const QuantizedPart& part) {
  at::Tensor out = at::empty({part.blocks.size(0), kColumns});
  io::dequantize(part.type,
                 {static_cast<const std::byte*>(part.blocks.const_data_ptr()),
                  static_cast<size_t>(part.blocks.numel())},
                 {out.mutable_data_ptr<float>(), static_cast<size_t>(out.numel())});
  return out;
}

std::vector<QuantizedPart> three_parts() {
  at::manual_seed(3);
  return {random_part("a", io::GgmlType::kQ8_0, 5), random_part("b", io::GgmlType::kQ4_1, 700),
          random_part("c", io::GgmlType::kQ5_0, 1)};
}

TEST(QuantizedMatrix, AnyRowsAreThoseOfTheirParts) {
  const std::vector<QuantizedPart> parts = three_parts();
  const QuantizedMatrix matrix(parts, kColumns);
  const at::Tensor all = at::cat({decoded(parts[0]), decoded(parts[1]), decoded(parts[2])});
  EXPECT_EQ(matrix.rows(), 706);
  EXPECT_EQ(matrix.bytes(), 3 * (5 * 34 + 700 * 20 + 22));
  const std::pair<int64_t, int64_t> ranges[] = {{0, 706}, {0, 5},   {3, 4},   {4, 1},
                                                {5, 700}, {704, 2}, {705, 1}, {7, 0}};
  for (const auto& [first, count] : ranges)
    EXPECT_TRUE(at::equal(matrix.read_rows(first, count), all.narrow(0, first, count))) << first;
  EXPECT_THROW(matrix.read_rows(700, 7), core::ContractViolation);
}

TEST(QuantizedMatrix, RefusesBlocksThatDoNotFit) {
  EXPECT_THROW(QuantizedMatrix(three_parts(), kColumns + 32), core::ContractViolation);
  EXPECT_THROW(QuantizedMatrix(three_parts(), kColumns - 1), core::ContractViolation);
  EXPECT_THROW(QuantizedMatrix({}, kColumns), core::ContractViolation);
}

TEST(QuantizedMatrix, LiesBesideTheArenaOfAFrozenStore) {
  const auto matrix = std::make_shared<QuantizedMatrix>(three_parts(), kColumns);
  std::vector<arch::ParameterSpec> specs(3);
  specs[0] = {.name = "a", .shape = {5, kColumns}, .fused_name = "abc"};
  specs[1] = {.name = "b", .shape = {700, kColumns}, .fused_name = "abc"};
  specs[2] = {.name = "norm", .shape = {kColumns}};
  const ParameterStore store(specs, {.trainable = false, .quantized = {{"abc", matrix}}});
  EXPECT_EQ(store.quantized_leaf("abc"), matrix);
  EXPECT_EQ(store.quantized_leaf("norm"), nullptr);
  EXPECT_FALSE(store.has_leaf("abc"));
  ASSERT_EQ(store.parameters().size(), 1u);
  EXPECT_EQ(store.parameters()[0].spec.name, "norm");
  EXPECT_EQ(store.arena_numel(), 128);  // 256-byte ranges
  EXPECT_THROW(ParameterStore(specs, {.quantized = {{"abc", matrix}}}), core::ContractViolation);
}

}  // namespace
}  // namespace llm::tensor
