#include <map>

#include "arch/architectures.h"
#include "arch/rope_config.h"

namespace llm::arch {
namespace {

io::OrderedJson optional_id(const std::optional<int64_t>& id) {
  return id ? io::OrderedJson(*id) : io::OrderedJson(nullptr);
}

io::OrderedJson eos_json(const std::vector<int64_t>& ids) {
  if (ids.empty()) return nullptr;
  return ids.size() == 1 ? io::OrderedJson(ids.front()) : io::OrderedJson(ids);
}

}  // namespace

io::OrderedJson to_json(const ModelConfig& config) {
  const ArchitectureInfo& info = architecture_info(config.architecture);
  std::map<std::string, io::OrderedJson> keys;
  for (const auto& [key, value] : config.inert.items()) keys[key] = value;
  keys["architectures"] = {info.class_name};
  keys["model_type"] = info.model_type;
  keys["vocab_size"] = config.vocab_size;
  keys["hidden_size"] = config.hidden_size;
  keys["intermediate_size"] = config.intermediate_size;
  keys["num_hidden_layers"] = config.num_hidden_layers;
  keys["num_attention_heads"] = config.num_attention_heads;
  keys["num_key_value_heads"] = config.num_key_value_heads;
  keys["head_dim"] = config.head_dim;
  keys["max_position_embeddings"] = config.max_position_embeddings;
  keys["rms_norm_eps"] = config.rms_norm_eps;
  keys["initializer_range"] = config.initializer_range;
  keys["tie_word_embeddings"] = config.tie_word_embeddings;
  keys["rope_theta"] = config.rope.theta;
  keys["rope_scaling"] = rope_scaling_json(config.rope);
  keys["bos_token_id"] = optional_id(config.bos_token_id);
  keys["pad_token_id"] = optional_id(config.pad_token_id);
  keys["eos_token_id"] = eos_json(config.eos_token_ids);
  keys["torch_dtype"] = config.dtype;
  keys["hidden_act"] = "silu";
  keys["attention_dropout"] = 0.0;
  const bool is_llama = config.architecture == Architecture::kLlama;
  if (is_llama) keys["mlp_bias"] = config.mlp_bias;
  if (is_llama || config.architecture == Architecture::kQwen3)
    keys["attention_bias"] = config.attention_bias;
  if (config.architecture == Architecture::kMistral)
    keys["sliding_window"] = nullptr;
  else if (!is_llama)
    keys["use_sliding_window"] = false;

  io::OrderedJson json = io::OrderedJson::object();
  for (auto& [key, value] : keys) json[key] = std::move(value);
  return json;
}

}  // namespace llm::arch
