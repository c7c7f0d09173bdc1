// What differs between architectures before any key is read.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "llm/arch/model_config.h"

namespace llm::arch {

struct ArchitectureInfo {
  Architecture architecture;
  const char* model_type;  // "llama"
  const char* class_name;  // "LlamaForCausalLM"
  // What transformers' config class assumes for an absent key.
  int64_t max_position_embeddings;
  std::optional<int64_t> bos_token_id, eos_token_id;
};

std::span<const ArchitectureInfo> architecture_table();
const ArchitectureInfo& architecture_info(Architecture architecture);
// By `model_type`, else by `architectures`. Throws: ConfigError naming the supported ones.
const ArchitectureInfo& find_architecture(const io::OrderedJson& json, const std::string& where);

}  // namespace llm::arch
