// Rotary position embedding frequencies (Su et al., arXiv 2104.09864) and their scalings: linear,
// dynamic NTK, YaRN (arXiv 2309.00071), Llama 3. Formulas as in transformers' modeling_rope_utils;
// docs/numerics.md writes them out.
#pragma once

#include <cstdint>
#include <vector>

#include "llm/arch/model_config.h"

namespace llm::arch {

struct RopeFrequencies {
  std::vector<float> inverse;     // [head_dim / 2], computed in fp32 as transformers does
  double attention_factor = 1.0;  // multiplies cos and sin
};

// `sequence_length` matters for dynamic NTK alone: the length of the document the frequencies are
// for.
RopeFrequencies rope_frequencies(const ModelConfig& config, int64_t sequence_length);

// Whether the frequencies of a document of `length` differ from those of one within the trained
// length (dynamic NTK beyond max_position_embeddings).
bool rope_depends_on_length(const ModelConfig& config, int64_t length);

}  // namespace llm::arch
