#include "convert/rotary_order.h"

#include <ATen/ATen.h>

#include "llm/core/check.h"

namespace llm::convert {
namespace {

// Rows as [heads, outer, inner] become [heads, inner, outer].
at::Tensor swap_row_order(const at::Tensor& rows, int64_t num_heads, int64_t outer) {
  LLM_CHECK(rows.size(0) % (2 * num_heads) == 0, "{} rows for {} heads", rows.size(0), num_heads);
  const int64_t inner = rows.size(0) / num_heads / outer;
  return rows.reshape({num_heads, outer, inner, -1}).transpose(1, 2).reshape(rows.sizes()).clone();
}

}  // namespace

at::Tensor to_half_split(const at::Tensor& interleaved, int64_t num_heads) {
  return swap_row_order(interleaved, num_heads, interleaved.size(0) / num_heads / 2);
}

at::Tensor to_interleaved(const at::Tensor& half_split, int64_t num_heads) {
  return swap_row_order(half_split, num_heads, 2);
}

}  // namespace llm::convert
