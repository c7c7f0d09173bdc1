#include "arch/architectures.h"

#include <array>

#include "llm/core/check.h"
#include "llm/core/error.h"

namespace llm::arch {
namespace {

constexpr std::array<ArchitectureInfo, 4> kArchitectures = {{
    {Architecture::kLlama, "llama", "LlamaForCausalLM", 2048, 1, 2},
    {Architecture::kMistral, "mistral", "MistralForCausalLM", 131072, 1, 2},
    {Architecture::kQwen2, "qwen2", "Qwen2ForCausalLM", 32768, std::nullopt, std::nullopt},
    {Architecture::kQwen3, "qwen3", "Qwen3ForCausalLM", 32768, std::nullopt, std::nullopt},
}};
constexpr const char* kHint =
    "Mixture of experts, state-space and multimodal models are not supported; neither are classes "
    "other than the causal language model";

const ArchitectureInfo* by_class(const std::string& name) {
  for (const ArchitectureInfo& info : kArchitectures)
    if (name == info.class_name) return &info;
  return nullptr;
}

// The one class that `architectures` names; nullptr when the key is absent, null or empty.
const ArchitectureInfo* read_class(const io::OrderedJson& json, const std::string& where) {
  const auto it = json.find("architectures");
  if (it == json.end() || it->is_null() || (it->is_array() && it->empty())) return nullptr;
  if (it->is_array() && it->size() == 1 && it->front().is_string())
    if (const ArchitectureInfo* info = by_class(it->front().get<std::string>())) return info;
  throw core::ConfigError({where + ": architectures",
                           "one of LlamaForCausalLM, MistralForCausalLM, Qwen2ForCausalLM, "
                           "Qwen3ForCausalLM",
                           it->dump(), kHint});
}

const ArchitectureInfo* read_model_type(const io::OrderedJson& json, const std::string& where) {
  const auto it = json.find("model_type");
  if (it == json.end() || it->is_null()) return nullptr;
  if (it->is_string())
    for (const ArchitectureInfo& info : kArchitectures)
      if (it->get<std::string>() == info.model_type) return &info;
  throw core::ConfigError(
      {where + ": model_type", "one of llama, mistral, qwen2, qwen3", it->dump(), kHint});
}

}  // namespace

std::span<const ArchitectureInfo> architecture_table() { return kArchitectures; }

const ArchitectureInfo& architecture_info(Architecture architecture) {
  for (const ArchitectureInfo& info : kArchitectures)
    if (info.architecture == architecture) return info;
  LLM_CHECK(false, "architecture {} has no row", static_cast<int>(architecture));
  return kArchitectures[0];
}

const char* model_type_name(Architecture architecture) {
  return architecture_info(architecture).model_type;
}

const ArchitectureInfo& find_architecture(const io::OrderedJson& json, const std::string& where) {
  const ArchitectureInfo* type = read_model_type(json, where);
  const ArchitectureInfo* named = read_class(json, where);
  if (type == nullptr && named == nullptr)
    throw core::ConfigError({where, "a model_type (llama, mistral, qwen2 or qwen3)",
                             "neither model_type nor architectures",
                             "Add \"model_type\": \"llama\" for a Llama-style model"});
  if (type != nullptr && named != nullptr && type != named)
    throw core::ConfigError({where,
                             std::string("architectures to be [\"") + type->class_name +
                                 "\"] with model_type " + type->model_type,
                             named->class_name, "Correct the one that is wrong"});
  return type != nullptr ? *type : *named;
}

}  // namespace llm::arch
