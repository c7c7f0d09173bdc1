// The parameter list of a model: names, shapes, storage order and counts, all from the config
// alone.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "llm/arch/model_config.h"

namespace llm::arch {

// Hugging Face's names of the two tables. A tied model has no head of its own.
inline constexpr const char* kEmbeddingName = "model.embed_tokens.weight";
inline constexpr const char* kHeadName = "lm_head.weight";

enum class ParameterKind { kEmbedding, kHead, kMatrix, kNorm, kBias };

struct ParameterSpec {
  std::string name;            // Hugging Face's tensor name
  std::vector<int64_t> shape;  // row-major, matrices [out, in]
  ParameterKind kind = ParameterKind::kMatrix;
  // Parameters with the same non-empty group are neighbours in memory without padding and form one
  // leaf of that name (q/k/v -> "model.layers.0.self_attn.qkv_proj.weight", gate/up ->
  // "model.layers.0.mlp.gate_up_proj.weight").
  std::string fused_name;
  int64_t layer = -1;  // -1: outside the blocks

  int64_t numel() const;
};

// In storage order: embedding, block by block in the order of use, final norm, head (absent when
// tied). Requires: validate(config) passes.
std::vector<ParameterSpec> parameter_specs(const ModelConfig& config);

// By closed formula; equals the sum of numel() over parameter_specs (tested).
int64_t num_parameters(const ModelConfig& config);
struct ParameterCounts {
  int64_t embedding = 0;
  int64_t head = 0;       // 0 when tied
  int64_t attention = 0;  // with biases, without the norms of q and k
  int64_t mlp = 0;        // with biases
  int64_t norms = 0;      // all of them
  int64_t total() const { return embedding + head + attention + mlp + norms; }
};
ParameterCounts parameter_counts(const ModelConfig& config);

// Training FLOPs per token, causal convention: 6 * (N - input embedding) + 6 * L * q_size * T
// (docs/numerics.md). N counts the head's matrix also when it is tied, for its product is computed
// all the same. `sequence_length` is the mean length of the documents attended over.
double train_flops_per_token(const ModelConfig& config, double sequence_length);

}  // namespace llm::arch
