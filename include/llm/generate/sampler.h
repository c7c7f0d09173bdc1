// Chooses the next token: penalties -> top-k -> top-p -> min-p -> temperature -> draw, the order of
// llama.cpp. Each filter's probabilities are those among the candidates that the one before left,
// at temperature 1.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "llm/core/rng.h"
#include "llm/generate/candidates.h"
#include "llm/generate/filters.h"
#include "llm/generate/sampling_config.h"

namespace llm::generate {

// The i-th call of a sampler with the same seed draws with the same random number. Not thread-safe.
class Sampler {
 public:
  // Throws: ConfigError for a value out of its range.
  Sampler(const SamplingConfig& config, uint64_t seed);

  // `logits` [V] in host memory. Throws: DataError when they are not finite (see Candidates).
  int32_t sample(std::span<const float> logits, std::span<const int32_t> history);

 private:
  int32_t draw();

  std::vector<std::unique_ptr<const Filter>> filters_;
  Candidates candidates_;
  std::vector<double> cumulative_;
  core::PhiloxStream random_;
};

}  // namespace llm::generate
