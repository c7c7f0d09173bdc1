// Low-rank adapters as PEFT describes them (huggingface/peft 0.21, adapter_config.json): which
// modules of a model they change, of what rank, at what scale.
//
//   W' = W + scale * B A,   scale = lora_alpha / r,  or  lora_alpha / sqrt(r) with use_rslora
//
// A is [r, in], B [out, r]. Modules are named as in Hugging Face's models:
// "model.layers.0.self_attn.q_proj", "lm_head".
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "llm/arch/model_config.h"
#include "llm/arch/parameters.h"
#include "llm/io/json.h"

namespace llm::arch {

// Names, each of which stands for all modules that end with it after a dot; or one regular
// expression for whole names.
struct ModuleNames {
  std::vector<std::string> suffixes;
  std::string pattern = {};

  bool empty() const { return suffixes.empty() && pattern.empty(); }
  bool operator==(const ModuleNames&) const = default;
};

// As `pattern` of target_modules: every linear layer but the head.
inline constexpr const char* kAllLinear = "all-linear";

struct LoraConfig {
  int64_t r = 8;
  double lora_alpha = 8;
  double lora_dropout = 0;  // of the input of A, in training
  bool use_rslora = false;
  ModuleNames target_modules;
  ModuleNames exclude_modules;
  std::optional<std::vector<int64_t>> layers_to_transform = std::nullopt;  // unset: all
  std::vector<std::string> layers_pattern;
  // Regular expressions for the ends of names, tried in order: another rank, another alpha.
  std::vector<std::pair<std::string, int64_t>> rank_pattern;
  std::vector<std::pair<std::string, double>> alpha_pattern;
  // Ends of names of modules that are stored whole: embed_tokens and lm_head of a model whose
  // vocabulary grew, norms.
  std::vector<std::string> modules_to_save;
  bool ensure_weight_tying = false;          // a tied head follows a stored embedding
  io::OrderedJson init_lora_weights = true;  // true, false or a name; of training alone
  std::string base_model_name_or_path;
  bool inference_mode = true;
  // Keys we do not use: kept and written back.
  io::OrderedJson inert = io::OrderedJson::object();

  bool operator==(const LoraConfig&) const = default;
};

// `where` names the file in errors. Throws: ConfigError listing every mistyped key and every
// feature we do not have, with the reason (DoRA, biases, fan_in_fan_out, initialisations that
// change the base, ...). Unknown keys are kept and named in `report`.
LoraConfig parse_lora_config(const io::OrderedJson& json, const std::string& where,
                             ReadReport* report = nullptr);
// Also throws: IoError; FormatError for no JSON, or a key given twice.
LoraConfig read_lora_config(const std::filesystem::path& file, ReadReport* report = nullptr);
// adapter_config.json's content, keys sorted as PEFT writes them.
// parse_lora_config(to_json(c)) == c, but for the order of inert keys.
io::OrderedJson to_json(const LoraConfig& config);

struct LoraModule {
  std::string name;
  int64_t layer = -1;  // -1: outside the blocks
  int64_t in = 0, out = 0;
  int64_t rank = 0;
  double scale = 0;

  std::string weight_name() const { return name + ".weight"; }
};

// What an adapter holds for a model, in the order of parameter_specs.
struct LoraLayout {
  std::vector<LoraModule> modules;
  std::vector<ParameterSpec> saved;  // parameters stored whole; shapes as in the base
};

// A tied model has the module lm_head too. Throws: ConfigError when target_modules matches no
// linear layer, or matches the embedding; FormatError for a pattern that is none.
LoraLayout lora_layout(const LoraConfig& config, const ModelConfig& base, const std::string& where);

}  // namespace llm::arch
