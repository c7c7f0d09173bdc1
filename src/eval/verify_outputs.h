// What a model makes of the fixed prompts, with one layer of it in memory at a time.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "llm/arch/model_config.h"
#include "llm/eval/verify.h"
#include "llm/nn/layerwise_lm.h"

namespace llm::eval {

using Ids = std::vector<int32_t>;

// Letters: T tokens of all prompts, D hidden size, V vocabulary. The [T, V] logits of a large
// vocabulary would take more memory than a layer, so they exist in parts.
struct Outputs {
  nn::LayerwiseLM model;
  at::Tensor hidden;        // [T, D]
  std::vector<Ids> greedy;  // after each prompt; empty where it was not run
};

// Both models of a comparison have the same vocabulary and hidden size, so either config serves.
Outputs run_prompts(const arch::ModelConfig& config, nn::WeightReader read,
                    const std::vector<Ids>& prompts, const VerifyOptions& options);

// The largest |a - b| of all logits; NaN when any difference is.
double largest_difference(const arch::ModelConfig& config, const Outputs& a, const Outputs& b);

// Mean negative log-likelihood of the prompts' own tokens, each document's first left out; 0 where
// there is none.
double mean_nll(const arch::ModelConfig& config, const Outputs& outputs,
                const std::vector<Ids>& prompts);

}  // namespace llm::eval
