// Logits of one sequence, written for comparison with other programs.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <string_view>
#include <vector>

#include "llm/nn/causal_lm.h"

namespace llm::eval {

// "1,2,3". Throws: ConfigError naming the part that is no token id.
std::vector<int32_t> parse_ids(std::string_view text);

// Letters: T tokens, V vocabulary. Throws: DataError for an id outside the vocabulary.
at::Tensor sequence_logits(nn::CausalLM& model, const std::vector<int32_t>& ids);  // -> [T, V] fp32

// A safetensors file with "ids" [T] I64 and "logits" [T, V] F32. Throws: IoError.
void write_logits(const std::filesystem::path& file, const std::vector<int32_t>& ids,
                  const at::Tensor& logits);

}  // namespace llm::eval
