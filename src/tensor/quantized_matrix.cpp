#include "llm/tensor/quantized_matrix.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>

#include "llm/core/check.h"

namespace llm::tensor {

namespace {

// Decodes rows [first, first + count) of a part.
void decode_rows(const QuantizedPart& part, int64_t first, int64_t count, int64_t columns,
                 float* out) {
  const int64_t row_bytes = part.blocks.size(1);
  const auto* blocks = static_cast<const std::byte*>(part.blocks.const_data_ptr());
  const int64_t grain = std::max(int64_t{16384} / columns, int64_t{1});
  at::parallel_for(0, count, grain, [&](int64_t begin, int64_t end) {
    io::dequantize(
        part.type,
        {blocks + (first + begin) * row_bytes, static_cast<size_t>((end - begin) * row_bytes)},
        {out + begin * columns, static_cast<size_t>((end - begin) * columns)});
  });
}

}  // namespace

QuantizedMatrix::QuantizedMatrix(std::vector<QuantizedPart> parts, int64_t columns)
    : parts_(std::move(parts)), columns_(columns) {
  LLM_CHECK(!parts_.empty());
  for (const QuantizedPart& part : parts_) {
    const io::QuantBlock& block = io::quant_block(part.type);
    LLM_CHECK(block.can_decode && columns % block.values == 0, "{} columns of {}", columns,
              block.name);
    LLM_CHECK(part.blocks.dim() == 2 && part.blocks.scalar_type() == at::kByte &&
                  part.blocks.is_contiguous() && part.blocks.is_cpu() &&
                  part.blocks.size(1) == columns / block.values * block.bytes,
              "{}: rows of {} columns in {} take {} bytes", part.name, columns, block.name,
              columns / block.values * block.bytes);
    rows_ += part.blocks.size(0);
  }
}

int64_t QuantizedMatrix::bytes() const {
  int64_t bytes = 0;
  for (const QuantizedPart& part : parts_) bytes += part.blocks.numel();
  return bytes;
}

at::Tensor QuantizedMatrix::read_rows(int64_t first, int64_t count) const {
  LLM_CHECK(first >= 0 && count >= 0 && first + count <= rows_, "rows {} to {} of {}", first,
            first + count, rows_);
  at::Tensor out = at::empty({count, columns_}, at::kFloat);
  auto* to = out.mutable_data_ptr<float>();
  int64_t start = 0;  // of the part
  for (const QuantizedPart& part : parts_) {
    const int64_t begin = std::max(first, start);
    const int64_t end = std::min(first + count, start + part.blocks.size(0));
    if (begin < end)
      decode_rows(part, begin - start, end - begin, columns_, to + (begin - first) * columns_);
    start += part.blocks.size(0);
  }
  return out;
}

}  // namespace llm::tensor
