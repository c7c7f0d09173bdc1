// Rotary scaling in GGUF: keys for linear and YaRN, a tensor of divisors for Llama 3.
#pragma once

#include <optional>

#include "llm/arch/gguf.h"

namespace llm::arch {

// `prefix` is the architecture with a dot. Throws: FormatError.
void read_gguf_rope(const io::GgufModel& model, const std::string& prefix,
                    const std::optional<Llama3Scaling>& given, ModelConfig& config);
// Throws: ConfigError.
void add_gguf_rope(const ModelConfig& config, const std::string& prefix,
                   io::GgufMetadata& metadata);

// The scaling as a file can hold it: what read_gguf_rope gives back.
RopeConfig rope_as_in_gguf(const ModelConfig& config);

}  // namespace llm::arch
