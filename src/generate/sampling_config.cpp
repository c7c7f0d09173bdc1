#include "llm/generate/sampling_config.h"

#include <random>

namespace llm::generate {

uint64_t resolve_seed(const SamplingConfig& config) {
  if (config.seed) return static_cast<uint64_t>(*config.seed);
  // 32 bits, so that a person can type it back.
  return std::random_device{}();
}

}  // namespace llm::generate
