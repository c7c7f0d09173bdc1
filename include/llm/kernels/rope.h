// Rotary position embedding (Su et al., arXiv 2104.09864) in the half-split pairing of Hugging
// Face:
//   (a, b) = (x[i], x[i + K/2])  ->  (a cos - b sin, b cos + a sin),  angle = position *
//   inverse_frequency[i].
// Letters: T tokens, H heads, K head dim, P rows of the table.
#pragma once

#include <ATen/core/Tensor.h>

namespace llm::kernels {

// cos and sin side by side for positions 0..P-1, multiplied by the attention factor: [P, 2, K/2]
// fp32, computed as transformers does (angles in fp32).
at::Tensor rope_table(const at::Tensor& inverse_frequencies, int64_t num_positions,
                      double attention_factor);

// Differentiable. x [T, H, K] (may be a strided view of fused QKV), positions [T] int32, table row
// = position. Requires: every position < P.
at::Tensor rope(const at::Tensor& x, const at::Tensor& table, const at::Tensor& positions);

// In place on x [T, H, K], no autograd; `inverse` rotates back, which is the gradient.
void rope_(const at::Tensor& x, const at::Tensor& table, const at::Tensor& positions,
           bool inverse = false);

}  // namespace llm::kernels
