// The model config is Hugging Face's config.json: Llama (and Mistral without sliding window),
// Qwen2/2.5, Qwen3. Facts of the format: docs/formats.md; names follow transformers' LlamaConfig,
// Qwen2Config, Qwen3Config.
//
// Every key of a config.json is one of four kinds, listed by architecture in
// src/arch/config_keys.cpp: used; inert (kept, written back); supported at one value only (else an
// error with the reason); unknown (reported, kept; an error under ReadOptions::strict).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "llm/io/json.h"

namespace llm::arch {

enum class Architecture { kLlama, kMistral, kQwen2, kQwen3 };
const char* model_type_name(Architecture architecture);  // "llama", ...

enum class RopeType { kDefault, kLinear, kDynamic, kYarn, kLlama3 };

const char* rope_type_name(RopeType type);  // "default", "linear", "dynamic", "yarn", "llama3"

// Both spellings are read: `rope_theta` + `rope_scaling` and `rope_parameters`; the first is
// written. Fields that the type does not use keep their defaults.
struct RopeConfig {
  RopeType type = RopeType::kDefault;
  double theta = 10000.0;
  double factor = 1.0;
  std::optional<int64_t> original_max_position_embeddings = std::nullopt;  // yarn, llama3
  double low_freq_factor = 1.0;                                            // llama3
  double high_freq_factor = 4.0;                                           // llama3
  double beta_fast = 32.0;                                                 // yarn
  double beta_slow = 1.0;                                                  // yarn
  bool truncate = true;                                                    // yarn
  std::optional<double> attention_factor = std::nullopt;                   // yarn; unset: computed
  std::optional<double> mscale = std::nullopt;                             // yarn
  std::optional<double> mscale_all_dim = std::nullopt;                     // yarn
  // Keys of the object that this type does not use: kept and written back.
  io::OrderedJson inert = io::OrderedJson::object();

  bool operator==(const RopeConfig&) const = default;
};

struct ModelConfig {
  Architecture architecture = Architecture::kLlama;
  int64_t vocab_size = 32000;
  int64_t hidden_size = 4096;
  int64_t intermediate_size = 11008;
  int64_t num_hidden_layers = 32;
  int64_t num_attention_heads = 32;
  int64_t num_key_value_heads = 32;
  int64_t head_dim = 128;  // 0: not stated, and hidden_size / num_attention_heads is not whole
  int64_t max_position_embeddings = 2048;
  double rms_norm_eps = 1e-6;
  double initializer_range = 0.02;
  bool tie_word_embeddings = false;
  bool attention_bias = false;  // Llama, Qwen3: q, k, v and o. Qwen2 has q, k, v biases always
  bool mlp_bias = false;        // Llama: gate, up and down
  RopeConfig rope;
  std::optional<int64_t> bos_token_id, pad_token_id;
  std::vector<int64_t> eos_token_ids;
  std::string dtype = "float32";  // `torch_dtype`: how the weights are stored
  // Keys we do not use: kept and written back (design section 1.8).
  io::OrderedJson inert = io::OrderedJson::object();

  bool has_qkv_bias() const { return attention_bias || architecture == Architecture::kQwen2; }
  bool has_output_bias() const { return attention_bias; }
  bool has_qk_norm() const { return architecture == Architecture::kQwen3; }
  int64_t q_size() const { return num_attention_heads * head_dim; }
  int64_t kv_size() const { return num_key_value_heads * head_dim; }
  // The length the frequencies were trained with: what yarn and llama3 call original.
  int64_t rope_original_length() const {
    return rope.original_max_position_embeddings.value_or(max_position_embeddings);
  }

  bool operator==(const ModelConfig&) const = default;
};

struct ReadOptions {
  bool strict = false;  // unknown keys are errors instead of warnings
};
struct ReadReport {
  // Kept in ModelConfig::inert or RopeConfig::inert.
  std::vector<std::string> unknown_keys;
};

// Absent keys mean what they mean to transformers, except that an absent num_key_value_heads is
// num_attention_heads and an absent head_dim is hidden_size / num_attention_heads for every
// architecture. vocab_size, hidden_size, intermediate_size, num_hidden_layers and
// num_attention_heads must be there.
// `where` names the file in errors. Throws: ConfigError listing every missing or mistyped key,
// unsupported architecture or value (with the reason), unknown key under strict; when there is none
// of these, everything validate() finds.
ModelConfig parse_model_config(const io::OrderedJson& json, const std::string& where,
                               const ReadOptions& options = {}, ReadReport* report = nullptr);
// Also throws: IoError; FormatError for no JSON, or a key given twice.
ModelConfig read_model_config(const std::filesystem::path& file, const ReadOptions& options = {},
                              ReadReport* report = nullptr);
// The known key that an unknown one most likely meant; "" when none is near.
std::string nearest_key(Architecture architecture, const std::string& unknown_key);
// config.json's content, keys in the alphabetical order of transformers' save_pretrained.
// parse_model_config(to_json(c)) == c for every c that parse_model_config returned.
io::OrderedJson to_json(const ModelConfig& config);

// Every shape that cannot be built or is beyond all reason, each with the change that would fix it,
// before anything is allocated. Throws: ConfigError listing all problems.
void validate(const ModelConfig& config, const std::string& where);

}  // namespace llm::arch
