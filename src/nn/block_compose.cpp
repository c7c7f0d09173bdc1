#include "llm/kernels/rms_norm.h"
#include "llm/kernels/rope.h"
#include "llm/kernels/swiglu.h"
#include "nn/block.h"

namespace llm::nn {

HeadViews split_heads(const at::Tensor& qkv, const BlockShape& shape) {
  const int64_t heads = shape.num_heads, kv_heads = shape.num_kv_heads;
  return {qkv.narrow(1, 0, heads), qkv.narrow(1, heads, kv_heads),
          qkv.narrow(1, heads + kv_heads, kv_heads)};
}

at::Tensor compose_block(const Block& block, const at::Tensor& x, const SequenceContext& sequence) {
  const BlockWeights& w = block.weights;
  const BlockShape& shape = block.shape;
  const int64_t tokens = x.size(0);

  const at::Tensor normed = kernels::rms_norm(x, w.input_norm, shape.eps);  // [T, D]
  const at::Tensor qkv = kernels::linear(normed, w.qkv, sequence.noise)
                             .view({tokens, -1, shape.head_dim});  // [T, H+2Hkv, K]
  auto [q, k, v] = split_heads(qkv, shape);
  if (w.q_norm.defined()) {
    q = kernels::rms_norm(q, w.q_norm, shape.eps);
    k = kernels::rms_norm(k, w.k_norm, shape.eps);
  }
  q = kernels::rope(q, sequence.rope.table, sequence.rope.rows);  // [T, H, K]
  k = kernels::rope(k, sequence.rope.table, sequence.rope.rows);  // [T, Hkv, K]
  const at::Tensor attended =
      kernels::attention(q, k, v, sequence.attention).reshape({tokens, -1});       // [T, H K]
  const at::Tensor mid = x + kernels::linear(attended, w.output, sequence.noise);  // [T, D]

  const at::Tensor gate_up = kernels::linear(kernels::rms_norm(mid, w.post_norm, shape.eps),
                                             w.gate_up, sequence.noise);           // [T, 2F]
  return mid + kernels::linear(kernels::swiglu(gate_up), w.down, sequence.noise);  // [T, D]
}

}  // namespace llm::nn
