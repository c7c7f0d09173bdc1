// Which type each tensor gets in a GGUF file: llama.cpp's rules for its mixtures (docs/formats.md).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "llm/arch/model_config.h"
#include "llm/arch/parameters.h"
#include "llm/convert/gguf_file.h"
#include "llm/io/quant.h"

namespace llm::convert {

// 1-D tensors stay F32. Output and tied embedding are lifted; attn_v and ffn_down of some layers
// too, in the _M mixtures. Where a row is no whole number of blocks the type falls back: Q4_K to
// Q5_0, Q5_K to Q5_1, Q6_K to Q8_0, and to F16 where 32 does not divide the row either.
io::GgmlType gguf_type_of(const arch::ParameterSpec& spec, const arch::ModelConfig& config,
                          GgufFileType file_type);

}  // namespace llm::convert
