// Two orders of a head's rows in q_proj and k_proj: Hugging Face rotates row i with row i + K/2
// ("half split"), llama2.c and GGUF's `llama` rotate neighbours ("interleaved"). Which one is used
// cannot be seen in a file; the wrong one still talks, but worse (docs/formats.md).
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace llm::convert {

// [heads * K, ...] -> the same shape, new memory. Each is the other's inverse.
at::Tensor to_half_split(const at::Tensor& interleaved, int64_t num_heads);
at::Tensor to_interleaved(const at::Tensor& half_split, int64_t num_heads);

}  // namespace llm::convert
