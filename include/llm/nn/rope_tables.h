// Rotary tables for packed documents. All documents share one table unless the frequencies depend
// on a document's length (dynamic NTK beyond the trained length): then each long document gets rows
// of its own, appended to the table.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "llm/arch/model_config.h"

namespace llm::nn {

struct RopeInput {
  at::Tensor table;  // [P, 2, K/2] fp32: cos, sin
  at::Tensor rows;   // [T] int32, the table row of each token
};

// Not thread-safe: grows its shared table on demand.
class RopeTables {
 public:
  RopeTables(const arch::ModelConfig& config, at::Device device);
  // `positions` [T] restart with every document; `document_lengths` on the host sum to T, or say
  // how far positions reach where documents continue a prefix.
  RopeInput prepare(const at::Tensor& positions, const std::vector<int32_t>& document_lengths);

 private:
  void grow(int64_t num_positions);
  RopeInput prepare_per_document(const std::vector<int32_t>& document_lengths);

  arch::ModelConfig config_;
  at::Device device_;
  at::Tensor table_;
};

}  // namespace llm::nn
