#include "llm/nn/init.h"

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#include <cmath>
#include <numbers>

#include "llm/core/rng.h"

namespace llm::nn {

namespace {

uint64_t key_of(uint64_t seed, const std::string& name) {
  for (const char c : name) seed = core::mix_seed(seed, static_cast<unsigned char>(c));
  return seed;
}

// Four normal values of one counter block (Box-Muller on two pairs).
std::array<float, 4> normals(uint64_t key, uint64_t block) {
  const auto bits = core::philox4x32(
      key, {static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32), 0, 0});
  std::array<float, 4> out{};
  for (size_t pair = 0; pair < 2; ++pair) {
    const double u = (static_cast<double>(bits[2 * pair]) + 0.5) * 0x1p-32;
    const double angle = 2 * std::numbers::pi * static_cast<double>(bits[2 * pair + 1]) * 0x1p-32;
    const double radius = std::sqrt(-2 * std::log(u));
    out[2 * pair] = static_cast<float>(radius * std::cos(angle));
    out[2 * pair + 1] = static_cast<float>(radius * std::sin(angle));
  }
  return out;
}

void fill_normal(float* out, int64_t numel, uint64_t key, float std) {
  const int64_t blocks = (numel + 3) / 4;
  at::parallel_for(0, blocks, 4096, [&](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; ++block) {
      const auto values = normals(key, static_cast<uint64_t>(block));
      for (int64_t i = 4 * block; i < std::min(4 * block + 4, numel); ++i)
        out[i] = std * values[static_cast<size_t>(i % 4)];
    }
  });
}

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
    at::Tensor values = at::empty(weight.sizes(), at::kFloat);
    fill_normal(values.mutable_data_ptr<float>(), values.numel(), key_of(seed, range.spec.name),
                static_cast<float>(std));
    weight.copy_(values);
  }
}

}  // namespace llm::nn
