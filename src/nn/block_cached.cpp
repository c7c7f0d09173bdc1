#include <ATen/ATen.h>

#include "llm/kernels/rms_norm.h"
#include "llm/kernels/rope.h"
#include "llm/kernels/swiglu.h"
#include "nn/block.h"

namespace llm::nn {

at::Tensor run_block_cached(const Block& block, const at::Tensor& x, const RopeInput& rope,
                            KvCache& cache, int64_t layer) {
  const BlockWeights& w = block.weights;
  const int64_t tokens = x.size(0);
  const at::Tensor normed = kernels::rms_norm(x, w.input_norm, block.shape.eps);  // [T, D]
  const at::Tensor qkv =
      kernels::linear(normed, w.qkv).view({tokens, -1, block.shape.head_dim});  // [T, H+2Hkv, K]
  auto [q, k, v] = split_heads(qkv, block.shape);
  if (w.q_norm.defined()) {
    q = kernels::rms_norm(q, w.q_norm, block.shape.eps);
    k = kernels::rms_norm(k, w.k_norm, block.shape.eps);
  }
  kernels::rope_(q, rope.table, rope.rows);
  kernels::rope_(k, rope.table, rope.rows);
  cache.write(layer, k, v);
  const int64_t length = cache.length() + tokens;
  const at::Tensor attended =
      kernels::attention_cached(q, cache.keys(layer, length), cache.values(layer, length),
                                attention_scale(block.shape.head_dim));
  const at::Tensor mid = x + kernels::linear(attended.reshape({tokens, -1}), w.output);  // [T, D]
  const at::Tensor gate_up =
      kernels::linear(kernels::rms_norm(mid, w.post_norm, block.shape.eps), w.gate_up);  // [T, 2F]
  return mid + kernels::linear(kernels::swiglu(gate_up), w.down);
}

}  // namespace llm::nn
