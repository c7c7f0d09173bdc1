// Weight initialisation: matrices and embeddings N(0, initializer_range), norms 1, biases 0, as
// transformers does.
#pragma once

#include <cstdint>

#include "llm/arch/model_config.h"
#include "llm/tensor/parameter_store.h"

namespace llm::nn {

// Values are a pure function of (seed, parameter name, element index): independent of device,
// threads and ranks. `scale_residual`: o_proj and down_proj get std / sqrt(2 * num_layers) (GPT-2).
void initialize(tensor::ParameterStore& store, const arch::ModelConfig& config, uint64_t seed,
                bool scale_residual);

}  // namespace llm::nn
