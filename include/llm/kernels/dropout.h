// Random numbers for dropout and noise on activations [T, F], each a pure function of (seed and
// step, stream, token, feature): how tokens are packed, split into micro-batches or ranks, and
// restarted does not change what any of them meets. Letters: T tokens, F features.
//
// The four words of philox4x32(mix_seed(key, stream), {token's low and high half, block, 0}) serve
// four features: feature f takes word f % 16 / 4 of block 4 * (f / 16) + f % 4.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace llm::kernels {

struct NoiseContext {
  uint64_t key = 0;   // of seed and step; 0: no noise (evaluation)
  at::Tensor tokens;  // [T] int64 on the host: what a token is, wherever it lies

  bool on() const { return key != 0; }
};

// What inverted dropout multiplies by: 0 with the given probability, else 1 / (1 - probability).
// `stream` tells the uses of a step apart. Requires: noise.on(); 0 <= probability < 1.
at::Tensor dropout_factors(const NoiseContext& noise, uint64_t stream, double probability,
                           int64_t features, const at::TensorOptions& options);  // -> [T, F]

// Uniform in (-1, 1), symmetric. Requires: noise.on().
at::Tensor uniform_noise(const NoiseContext& noise, uint64_t stream, int64_t features,
                         const at::TensorOptions& options);  // -> [T, F]

}  // namespace llm::kernels
