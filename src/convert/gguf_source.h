// A GGUF file (or the shards of a split one) as a ModelSource: Hugging Face's names, blocks decoded
// to fp32, rotary rows of `llama` in half-split order.
#pragma once

#include <filesystem>

#include "llm/convert/model_source.h"

namespace llm::convert {

bool is_gguf(const std::filesystem::path& file);  // by its first four bytes

// Throws: FormatError for what the file holds and we do not support, by name.
ModelSource open_gguf(const std::filesystem::path& file, const OpenOptions& options);

}  // namespace llm::convert
