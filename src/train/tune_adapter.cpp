#include "train/tune_adapter.h"

#include <algorithm>

#include "llm/core/error.h"

namespace llm::train {

namespace {

namespace fs = std::filesystem;

constexpr const char* kEmbedding = "embed_tokens";
constexpr const char* kHead = "lm_head";

void save_module(arch::LoraConfig& lora, const char* name) {
  if (std::ranges::find(lora.modules_to_save, name) == lora.modules_to_save.end())
    lora.modules_to_save.emplace_back(name);
}

bool saves(const arch::LoraConfig& lora, const char* name) {
  return std::ranges::any_of(lora.modules_to_save, [&](const std::string& module) {
    return std::string_view(name).ends_with(module);
  });
}

arch::LoraConfig lora_config(const TuneConfig& config, const TuneInputs& inputs) {
  const LoraSection& section = config.lora;
  const bool is_tied = inputs.source.config.tie_word_embeddings;
  arch::LoraConfig lora;
  lora.r = section.r;
  lora.lora_alpha = section.alpha;
  lora.lora_dropout = section.dropout;
  lora.use_rslora = section.rslora;
  if (section.targets == std::vector<std::string>{arch::kAllLinear}) {
    lora.target_modules.pattern = arch::kAllLinear;
  } else {
    lora.target_modules.suffixes = section.targets;
  }
  for (const LoraRank& rank : section.rank_pattern)
    lora.rank_pattern.emplace_back(rank.modules, rank.r);
  lora.modules_to_save = section.modules_to_save;
  if (inputs.is_extended()) {
    save_module(lora, kEmbedding);
    if (!is_tied) save_module(lora, kHead);
  }
  // Else PEFT would leave the head with the embedding that was before.
  lora.ensure_weight_tying = is_tied && saves(lora, kEmbedding) && !saves(lora, kHead);
  lora.base_model_name_or_path = fs::absolute(config.model.path).lexically_normal().string();
  return lora;
}

}  // namespace

TunedLora describe_adapter(const TuneConfig& config, const TuneInputs& inputs) {
  if (inputs.source.adapter) {
    throw core::ConfigError({"model.path", "a whole model as the base of a new adapter",
                             config.model.path + ", an adapter itself",
                             "Merge it first (llmconvert merge), or go on from it: name its base "
                             "as model.path and the adapter as lora.init_from"});
  }
  TunedLora lora{.config = lora_config(config, inputs), .layout = {}};
  lora.layout = arch::lora_layout(lora.config, inputs.source.config, "lora");
  if (!inputs.is_extended()) return lora;
  for (arch::ParameterSpec& spec : lora.layout.saved) {
    const bool is_table =
        spec.kind == arch::ParameterKind::kEmbedding || spec.kind == arch::ParameterKind::kHead;
    if (is_table) spec.shape[0] = inputs.table_rows;
  }
  return lora;
}

}  // namespace llm::train
