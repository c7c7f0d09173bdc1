// Small random models for tests: every shape odd enough to catch a swapped dimension.
#pragma once

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <memory>
#include <vector>

#include "llm/core/rng.h"
#include "llm/nn/causal_lm.h"
#include "llm/nn/init.h"
#include "support/tiny_config.h"

namespace llm::test {

struct TinyModel {
  std::unique_ptr<tensor::ParameterStore> store;
  std::unique_ptr<nn::CausalLM> model;
};

inline TinyModel make_tiny_model(const arch::ModelConfig& config, uint64_t seed = 1) {
  TinyModel tiny;
  tiny.store = std::make_unique<tensor::ParameterStore>(arch::parameter_specs(config),
                                                        tensor::StoreOptions{});
  nn::initialize(*tiny.store, config, seed, false);
  const at::NoGradGuard no_grad;
  // Norms and biases away from 1 and 0, so that their gradients and uses are seen.
  core::PhiloxStream random(seed, 77);
  for (const auto& range : tiny.store->parameters()) {
    if (range.spec.kind != arch::ParameterKind::kNorm &&
        range.spec.kind != arch::ParameterKind::kBias)
      continue;
    at::Tensor weight = tiny.store->weight(range.spec.name);
    for (int64_t i = 0; i < weight.numel(); ++i) weight.view(-1)[i] += 0.2 * random.next_normal();
  }
  tiny.store->allocate_gradients();
  tiny.store->allocate_moments();
  tiny.model = std::make_unique<nn::CausalLM>(config, *tiny.store);
  return tiny;
}

inline std::vector<int32_t> random_ids(int64_t count, int64_t vocab_size, uint64_t seed) {
  core::PhiloxStream random(seed);
  std::vector<int32_t> ids;
  for (int64_t i = 0; i < count; ++i)
    ids.push_back(static_cast<int32_t>(random.next_below(static_cast<uint64_t>(vocab_size))));
  return ids;
}

}  // namespace llm::test
