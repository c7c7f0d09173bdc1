#include "llm/kernels/dropout.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/cpu/parallel.h"
#include "kernels/cpu/random_row.h"
#include "kernels/path.h"
#include "llm/core/check.h"
#include "llm/core/rng.h"
#include "llm/kernels/backend.h"

namespace llm::kernels {
namespace {

// random_row, word by word.
void random_row_reference(uint64_t key, uint64_t token, int64_t features, uint32_t* words) {
  for (int64_t f = 0; f < features; ++f) {
    const auto block = static_cast<uint32_t>(4 * (f / 16) + f % 4);
    words[f] =
        core::philox4x32(key, {static_cast<uint32_t>(token), static_cast<uint32_t>(token >> 32),
                               block, 0})[static_cast<size_t>(f % 16 / 4)];
  }
}

// convert(words, row of features) for every token, made on the host whatever the device.
template <class Convert>
at::Tensor random_rows(const NoiseContext& noise, uint64_t stream, int64_t features,
                       const Convert& convert) {
  LLM_CHECK(noise.on() && noise.tokens.defined() && noise.tokens.is_cpu() &&
                noise.tokens.scalar_type() == at::kLong && noise.tokens.is_contiguous(),
            "noise needs a key and token hashes [T] int64 on the host");
  const uint64_t key = core::mix_seed(noise.key, stream);
  void (*const make)(uint64_t, uint64_t, int64_t, uint32_t*) =
      backend() == Backend::kReference ? &random_row_reference : &cpu::random_row;
  const int64_t rows = noise.tokens.numel();
  const int64_t* tokens = noise.tokens.const_data_ptr<int64_t>();
  const at::Tensor out = at::empty({rows, features}, at::kFloat);
  float* to = out.data_ptr<float>();
  cpu::parallel_parts(
      rows, cpu::row_grain(16 * features), [&](int64_t, int64_t begin, int64_t end) {
        std::vector<uint32_t> words(static_cast<size_t>(features + cpu::kRandomGroup));
        for (int64_t t = begin; t < end; ++t) {
          make(key, static_cast<uint64_t>(tokens[t]), features, words.data());
          convert(words.data(), to + t * features);
        }
      });
  return out;
}

}  // namespace

at::Tensor dropout_factors(const NoiseContext& noise, uint64_t stream, double probability,
                           int64_t features, const at::TensorOptions& options) {
  LLM_CHECK(probability >= 0 && probability < 1, "a dropout of {}", probability);
  const auto least = static_cast<uint32_t>(std::min(std::round(probability * 0x1p32), 0x1p32 - 1));
  const auto kept = static_cast<float>(1 / (1 - probability));
  const auto convert = [=](const uint32_t* words, float* out) {
    cpu::threshold_row(words, features, least, kept, out);
  };
  return random_rows(noise, stream, features, convert).to(options);
}

at::Tensor uniform_noise(const NoiseContext& noise, uint64_t stream, int64_t features,
                         const at::TensorOptions& options) {
  // 24 bits, so that the values are exact and never -1 or 1.
  const auto convert = [=](const uint32_t* words, float* out) {
    for (int64_t f = 0; f < features; ++f)
      out[f] = (static_cast<float>(words[f] >> 8) + 0.5F) * 0x1p-23F - 1.0F;
  };
  return random_rows(noise, stream, features, convert).to(options);
}

}  // namespace llm::kernels
