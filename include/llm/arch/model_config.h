// The model config is Hugging Face's config.json: Llama (and Mistral without sliding window),
// Qwen2/2.5, Qwen3. Facts of the format: docs/formats.md; names follow transformers' LlamaConfig,
// Qwen2Config, Qwen3Config.
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

// Both spellings are read: `rope_theta` + `rope_scaling` and `rope_parameters`; the first is
// written.
struct RopeConfig {
  RopeType type = RopeType::kDefault;
  double theta = 10000.0;
  double factor = 1.0;
  std::optional<int64_t> original_max_position_embeddings;
  double low_freq_factor = 1.0;                                    // llama3
  double high_freq_factor = 4.0;                                   // llama3
  double beta_fast = 32.0;                                         // yarn
  double beta_slow = 1.0;                                          // yarn
  bool truncate = true;                                            // yarn
  std::optional<double> attention_factor, mscale, mscale_all_dim;  // yarn
};

struct ModelConfig {
  Architecture architecture = Architecture::kLlama;
  int64_t vocab_size = 32000;
  int64_t hidden_size = 4096;
  int64_t intermediate_size = 11008;
  int64_t num_hidden_layers = 32;
  int64_t num_attention_heads = 32;
  int64_t num_key_value_heads = 32;
  int64_t head_dim = 128;
  int64_t max_position_embeddings = 2048;
  double rms_norm_eps = 1e-6;
  double initializer_range = 0.02;
  bool tie_word_embeddings = false;
  bool attention_bias = false;  // q, k, v (and o for Llama); always q, k, v for Qwen2
  bool mlp_bias = false;        // Llama
  RopeConfig rope;
  std::optional<int64_t> bos_token_id, pad_token_id;
  std::vector<int64_t> eos_token_ids;
  std::string dtype = "float32";  // `torch_dtype`: how the weights are stored
  // Keys we do not use: kept and written back (design section 1.8).
  io::OrderedJson inert = io::OrderedJson::object();

  bool has_qkv_bias() const { return attention_bias || architecture == Architecture::kQwen2; }
  bool has_output_bias() const { return attention_bias && architecture == Architecture::kLlama; }
  bool has_qk_norm() const { return architecture == Architecture::kQwen3; }
  int64_t q_size() const { return num_attention_heads * head_dim; }
  int64_t kv_size() const { return num_key_value_heads * head_dim; }
};

struct ReadOptions {
  bool strict = false;  // unknown keys are errors instead of warnings
};
struct ReadReport {
  std::vector<std::string> unknown_keys;  // kept in ModelConfig::inert
};

// `where` names the file in errors. Throws: ConfigError for a missing or mistyped key, an
// unsupported architecture or value (with the reason), an unknown key under strict, and everything
// validate() finds.
ModelConfig parse_model_config(const io::OrderedJson& json, const std::string& where,
                               const ReadOptions& options = {}, ReadReport* report = nullptr);
ModelConfig read_model_config(const std::filesystem::path& file, const ReadOptions& options = {},
                              ReadReport* report = nullptr);
// config.json's content. parse_model_config(to_json(c)) == c.
io::OrderedJson to_json(const ModelConfig& config);

// Every shape that cannot be built, each with the change that would fix it, before anything is
// allocated. Throws: ConfigError listing all problems.
void validate(const ModelConfig& config, const std::string& where);

}  // namespace llm::arch
