#include "nn/random_values.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "llm/core/rng.h"

namespace llm::nn {

namespace {

core::PhiloxBlock random_block(uint64_t key, uint64_t block) {
  return core::philox4x32(key,
                          {static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32), 0, 0});
}

// Four normal values of one counter block (Box-Muller on two pairs).
std::array<float, 4> normals(uint64_t key, uint64_t block) {
  const auto bits = random_block(key, block);
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

// Four values in (-1, 1).
std::array<float, 4> uniforms(uint64_t key, uint64_t block) {
  const auto bits = random_block(key, block);
  std::array<float, 4> out{};
  for (size_t i = 0; i < out.size(); ++i)
    out[i] = static_cast<float>((static_cast<double>(bits[i]) + 0.5) * 0x1p-31 - 1);
  return out;
}

template <class Four>
at::Tensor scaled_values(at::IntArrayRef sizes, uint64_t key, float scale, const Four& four) {
  at::Tensor values = at::empty(sizes, at::kFloat);
  auto* out = values.mutable_data_ptr<float>();
  const int64_t numel = values.numel();
  at::parallel_for(0, (numel + 3) / 4, 4096, [&](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; ++block) {
      const auto parts = four(key, static_cast<uint64_t>(block));
      for (int64_t i = 4 * block; i < std::min(4 * block + 4, numel); ++i)
        out[i] = scale * parts[static_cast<size_t>(i % 4)];
    }
  });
  return values;
}

}  // namespace

uint64_t name_key(uint64_t seed, const std::string& name) {
  for (const char c : name) seed = core::mix_seed(seed, static_cast<unsigned char>(c));
  return seed;
}

at::Tensor normal_values(at::IntArrayRef sizes, uint64_t key, double std) {
  return scaled_values(sizes, key, static_cast<float>(std), normals);
}

at::Tensor uniform_values(at::IntArrayRef sizes, uint64_t key, double bound) {
  return scaled_values(sizes, key, static_cast<float>(bound), uniforms);
}

}  // namespace llm::nn
