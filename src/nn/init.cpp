#include "llm/nn/init.h"

#include <ATen/core/grad_mode.h>

#include <cmath>

#include "nn/random_values.h"

namespace llm::nn {

namespace {

bool writes_residual(const std::string& name) {
  return name.ends_with("o_proj.weight") || name.ends_with("down_proj.weight");
}

}  // namespace

void initialize(tensor::ParameterStore& store, const arch::ModelConfig& config, uint64_t seed,
                bool scale_residual) {
  const at::NoGradGuard no_grad;
  const double residual_scale =
      1.0 / std::sqrt(2.0 * static_cast<double>(config.num_hidden_layers));
  for (const auto& range : store.parameters()) {
    at::Tensor weight = store.weight(range.spec.name);
    if (range.spec.kind == arch::ParameterKind::kNorm) {
      weight.fill_(1);
      continue;
    }
    if (range.spec.kind == arch::ParameterKind::kBias) {
      weight.zero_();
      continue;
    }
    const bool scaled = scale_residual && writes_residual(range.spec.name);
    const double std = config.initializer_range * (scaled ? residual_scale : 1.0);
    weight.copy_(normal_values(weight.sizes(), name_key(seed, range.spec.name), std));
  }
}

}  // namespace llm::nn
