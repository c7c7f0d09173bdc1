// A frozen matrix in the blocks of a GGUF file (io/quant.h), decoded to fp32 some rows at a time
// where it is used. A fused matrix (q/k/v, gate/up) stacks parts, which may be of different types.
// Memory: the blocks alone, 4.5 (Q4_0) to 8.5 (Q8_0) bits for a weight, against 32 of fp32.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "llm/io/quant.h"

namespace llm::tensor {

struct QuantizedPart {
  std::string name;  // the parameter's
  io::GgmlType type = io::GgmlType::kQ8_0;
  at::Tensor blocks;  // [rows, bytes of a row] uint8, contiguous, on the host
};

// Immutable, and so safe to read from many threads.
class QuantizedMatrix {
 public:
  // Requires: parts of `columns` columns, of types that can be decoded.
  QuantizedMatrix(std::vector<QuantizedPart> parts, int64_t columns);

  int64_t rows() const { return rows_; }
  int64_t columns() const { return columns_; }
  int64_t bytes() const;
  const std::vector<QuantizedPart>& parts() const { return parts_; }

  // Decodes rows on all threads.
  at::Tensor read_rows(int64_t first, int64_t count) const;  // -> [count, columns] fp32

 private:
  std::vector<QuantizedPart> parts_;
  int64_t rows_ = 0;
  int64_t columns_;
};

}  // namespace llm::tensor
