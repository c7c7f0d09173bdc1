#include "llm/nn/rope_tables.h"

#include <algorithm>
#include <numeric>

#include "llm/arch/rope_frequencies.h"
#include "llm/core/check.h"
#include "llm/kernels/rope.h"

namespace llm::nn {

namespace {

at::Tensor table_for(const arch::ModelConfig& config, int64_t sequence_length,
                     int64_t num_positions, at::Device device) {
  const auto frequencies = arch::rope_frequencies(config, sequence_length);
  const at::Tensor inverse = at::tensor(frequencies.inverse, at::kFloat).to(device);  // [K/2]
  return kernels::rope_table(inverse, num_positions, frequencies.attention_factor);
}

}  // namespace

RopeTables::RopeTables(const arch::ModelConfig& config, at::Device device)
    : config_(config), device_(device) {}

void RopeTables::grow(int64_t num_positions) {
  if (table_.defined() && table_.size(0) >= num_positions) return;
  const int64_t doubled = table_.defined() ? 2 * table_.size(0) : 0;
  table_ = table_for(config_, 1, std::max({num_positions, doubled, int64_t{256}}), device_);
}

RopeInput RopeTables::prepare(const at::Tensor& positions,
                              const std::vector<int32_t>& document_lengths) {
  LLM_CHECK(!document_lengths.empty(), "no documents");
  const int64_t longest = *std::max_element(document_lengths.begin(), document_lengths.end());
  if (arch::rope_depends_on_length(config_, longest)) return prepare_per_document(document_lengths);
  grow(longest);
  return {table_, positions};
}

RopeInput RopeTables::prepare_per_document(const std::vector<int32_t>& document_lengths) {
  std::vector<at::Tensor> tables;
  std::vector<at::Tensor> rows;
  int64_t next_row = 0;
  for (const int64_t length : document_lengths) {
    tables.push_back(table_for(config_, length, length, device_));
    rows.push_back(at::arange(next_row, next_row + length,
                              at::TensorOptions().dtype(at::kInt).device(device_)));
    next_row += length;
  }
  return {at::cat(tables), at::cat(rows)};
}

}  // namespace llm::nn
