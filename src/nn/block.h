// One pre-norm transformer block, in two forms that compute the same function:
//   compose   differentiable kernels one after the other: readable, and the judge of the other
//   run       one autograd node with a backward written by hand, which keeps only what is listed in
//   BlockSaved
// and once more for decoding, with a cache of keys and values.
// Letters: T tokens, D hidden size, H heads, Hkv kv heads, K head dim, F intermediate size.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "llm/kernels/attention.h"
#include "llm/kernels/linear.h"
#include "llm/nn/causal_lm.h"
#include "llm/nn/rope_tables.h"
#include "nn/weight_finder.h"

namespace llm::nn {

struct BlockWeights {
  at::Tensor input_norm;          // [D]
  kernels::LinearWeight qkv;      // [(H + 2 Hkv) K, D]
  at::Tensor q_norm, k_norm;      // [K], undefined without QK-norm
  kernels::LinearWeight output;   // [D, H K]
  at::Tensor post_norm;           // [D]
  kernels::LinearWeight gate_up;  // [2 F, D]
  kernels::LinearWeight down;     // [D, F]
};

struct BlockShape {
  int64_t num_heads = 0;
  int64_t num_kv_heads = 0;
  int64_t head_dim = 0;
  double eps = 0;
};

// What all blocks of one forward share.
struct SequenceContext {
  RopeInput rope;
  kernels::AttentionShape attention;
  kernels::NoiseContext noise = {};  // of the adapters' dropout
  BackwardObserver observer = {};
};

struct Block {
  BlockWeights weights;
  BlockShape shape;
  int64_t layer = 0;
};

at::Tensor compose_block(const Block& block, const at::Tensor& x,
                         const SequenceContext& sequence);  // [T, D]

at::Tensor run_block(const Block& block, const at::Tensor& x, const SequenceContext& sequence,
                     RecomputePolicy policy);  // [T, D]

// The block for the next tokens of one sequence: writes their keys and values to the cache and
// attends to all it holds then. No gradients.
at::Tensor run_block_cached(const Block& block, const at::Tensor& x, const RopeInput& rope,
                            KvCache& cache, int64_t layer);  // [T, D]

// The block `layer`. Requires: the weights hold that layer's parameters.
Block make_block(const arch::ModelConfig& config, const WeightFinder& weights, int64_t layer);

double attention_scale(int64_t head_dim);  // 1 / sqrt(K)

// q, k, v [T, H | Hkv, K] from fused projections [T, H + 2 Hkv, K], as views.
struct HeadViews {
  at::Tensor q, k, v;
};
HeadViews split_heads(const at::Tensor& qkv, const BlockShape& shape);

}  // namespace llm::nn
