// GPT-2's own files: encoder.json ({piece: id}) and vocab.bpe (one merge "left right" per line, the
// first line may be "#version: ..."). Hugging Face names the same files vocab.json and merges.txt.
#pragma once

#include <string>
#include <string_view>

#include "text/tokenizer_spec.h"

namespace llm::text {

// Throws: FormatError naming file and line.
TokenizerSpec parse_gpt2_files(std::string_view encoder, const std::string& encoder_name,
                               std::string_view merges, const std::string& merges_name);

}  // namespace llm::text
