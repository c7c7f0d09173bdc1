// A model config for tests: every shape odd enough to catch a swapped dimension.
#pragma once

#include "llm/arch/model_config.h"

namespace llm::test {

inline arch::ModelConfig tiny_config(arch::Architecture architecture = arch::Architecture::kLlama,
                                     bool tied = true) {
  arch::ModelConfig config;
  config.architecture = architecture;
  config.vocab_size = 97;
  config.hidden_size = 32;
  config.intermediate_size = 80;
  config.num_hidden_layers = 2;
  config.num_attention_heads = 4;
  config.num_key_value_heads = 2;
  config.head_dim = 8;
  config.max_position_embeddings = 64;
  config.initializer_range = 0.3;  // large, so that no path is nearly linear
  config.tie_word_embeddings = tied;
  return config;
}

}  // namespace llm::test
