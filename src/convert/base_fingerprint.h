// Whether the base of an adapter is the one it was trained on.
#pragma once

#include "llm/convert/lora_adapter.h"
#include "llm/convert/model_source.h"

namespace llm::convert {

// In the metadata of adapter_model.safetensors: 16 hex digits.
inline constexpr const char* kBaseFingerprintKey = "llmtrain.base_xxh3";

// Logs where the adapter does not say what its base was. Throws: ConfigError for another base.
void require_own_base(const LoraAdapter& adapter, const ModelSource& base,
                      const OpenOptions& options);

}  // namespace llm::convert
