// Models in llama2.c's version 0 format (karpathy/llama2.c, export.py legacy_export): seven i32
// (dim, hidden_dim, n_layers, n_heads, n_kv_heads, vocab_size, seq_len; a negative vocab_size means
// an untied head), then fp32 tensors layer after layer of one kind. Rotary pairs are neighbours.
// The tokenizer lies beside it, as tokNNN.bin or tokenizer.bin.
#pragma once

#include <filesystem>

#include "llm/convert/model_source.h"

namespace llm::convert {

// Throws: FormatError when the header is impossible or does not fit the file's size.
ModelSource open_llama2c(const std::filesystem::path& file);

}  // namespace llm::convert
