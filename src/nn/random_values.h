// Initial weights as pure functions of (key, element index): independent of device, threads, ranks.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

namespace llm::nn {

// A key of its own for each name under a seed.
uint64_t name_key(uint64_t seed, const std::string& name);

at::Tensor normal_values(at::IntArrayRef sizes, uint64_t key, double std);     // fp32, on the host
at::Tensor uniform_values(at::IntArrayRef sizes, uint64_t key, double bound);  // in (-bound, bound)

}  // namespace llm::nn
