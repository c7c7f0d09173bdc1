// A tensor [..., D] seen as rows of D contiguous numbers at up to two levels of stride, so that a
// head's slice of fused QKV [T, H, K] needs no copy.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace llm::kernels {

struct RowLayout {
  int64_t count = 0;         // rows
  int64_t width = 0;         // D
  int64_t inner = 1;         // rows that lie inner_stride apart before the next outer step
  int64_t inner_stride = 0;  // in elements
  int64_t outer_stride = 0;

  int64_t offset(int64_t row) const {
    return row / inner * outer_stride + row % inner * inner_stride;
  }
};

// True when `tensor` has contiguous rows at two or fewer levels of stride.
bool has_row_layout(const at::Tensor& tensor);

// Requires: has_row_layout(tensor).
RowLayout row_layout(const at::Tensor& tensor);

// `tensor` itself when it has a row layout, else a contiguous copy.
at::Tensor as_rows(const at::Tensor& tensor);

}  // namespace llm::kernels
