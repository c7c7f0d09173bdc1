// All tensors a model computes with. Letters: D hidden size, V vocabulary.
#pragma once

#include <vector>

#include "llm/arch/model_config.h"
#include "nn/block.h"

namespace llm::nn {

struct ModelWeights {
  at::Tensor embedding;  // [V, D]
  std::vector<Block> blocks;
  at::Tensor final_norm;       // [D]
  kernels::LinearWeight head;  // [V, D]
};

// `lora` may be null. Throws: ConfigError for an adapter that does not suit the base, or that no
// objective can train.
ModelWeights gather_weights(const arch::ModelConfig& config, const tensor::ParameterStore& store,
                            const LoraWeights* lora);

// The base's config for the model with its adapter.
arch::ModelConfig adapted_config(arch::ModelConfig config, const ModelWeights& weights);

}  // namespace llm::nn
