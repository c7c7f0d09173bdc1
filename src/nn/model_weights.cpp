#include "nn/model_weights.h"

#include <fmt/format.h>

#include "llm/core/error.h"

namespace llm::nn {

namespace {

void check_tables(const ModelWeights& weights) {
  const int64_t rows = weights.embedding.size(0), head_rows = weights.head.weight.size(0);
  if (rows == head_rows) return;
  throw core::ConfigError({.where = "modules_to_save",
                           .expected = "as many rows in the head as in the embedding",
                           .got = fmt::format("{} and {}", head_rows, rows),
                           .hint = "For a vocabulary of another size store both tables: "
                                   "\"modules_to_save\": [\"embed_tokens\", \"lm_head\"]."});
}

void check_head_update(const ModelWeights& weights) {
  if (weights.head.updates.empty() || !weights.head.updates[0].a.requires_grad()) return;
  throw core::ConfigError({.where = "target_modules",
                           .expected = "linear layers of the blocks",
                           .got = "lm_head",
                           .hint = "Train the head whole: \"modules_to_save\": [\"lm_head\"]."});
}

}  // namespace

ModelWeights gather_weights(const arch::ModelConfig& config, const tensor::ParameterStore& store,
                            const LoraWeights* lora) {
  const WeightFinder find(store, lora);
  ModelWeights weights;
  weights.embedding = find.table(arch::kEmbeddingName);
  for (int64_t layer = 0; layer < config.num_hidden_layers; ++layer)
    weights.blocks.push_back(make_block(config, find, layer));
  weights.final_norm = find.vector("model.norm.weight");
  weights.head = find.head(config.tie_word_embeddings);
  check_tables(weights);
  check_head_update(weights);
  return weights;
}

arch::ModelConfig adapted_config(arch::ModelConfig config, const ModelWeights& weights) {
  config.vocab_size = weights.embedding.size(0);
  config.tie_word_embeddings =
      config.tie_word_embeddings && weights.head.weight.is_same(weights.embedding);
  return config;
}

}  // namespace llm::nn
