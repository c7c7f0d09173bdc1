// The names that tokenizer.ggml.pre gives to pre-tokenizers (llama.cpp, src/llama-vocab.cpp).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/normalizer.h"
#include "text/pre_tokenizer.h"

namespace llm::text {

struct GgufPreTokenizer {
  std::vector<NormalizerStep> normalizer;
  std::vector<PreTokenizerStep> steps;
  bool ignore_merges = false;
  bool adds_bos = false;  // unless the file says otherwise
};

std::optional<GgufPreTokenizer> gguf_pre_tokenizer(std::string_view name);
// All names that gguf_pre_tokenizer() knows, for messages.
std::string known_gguf_pre_tokenizers();
// The name under which llama.cpp splits as these parts do.
std::optional<std::string> gguf_pre_name(const std::vector<NormalizerStep>& normalizer,
                                         const std::vector<PreTokenizerStep>& steps,
                                         bool ignore_merges);

}  // namespace llm::text
