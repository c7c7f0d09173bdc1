#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "arch/gguf_rope.h"
#include "llm/arch/gguf.h"
#include "llm/core/decimal.h"
#include "llm/core/error.h"
#include "llm/core/log.h"

namespace llm::arch {
namespace {

constexpr std::array kReadable = {Architecture::kLlama, Architecture::kQwen2, Architecture::kQwen3};

Architecture read_architecture(const io::GgufFile& file) {
  const std::string_view name = file.get("general.architecture").as_string();
  for (const Architecture architecture : kReadable)
    if (name == gguf_architecture(architecture)) return architecture;
  throw core::FormatError({.where = file.path().string() + ": general.architecture",
                           .expected = "llama, qwen2 or qwen3",
                           .got = std::string(name),
                           .hint = "Other architectures are not supported"});
}

// Keys that change the computation in a way we do not follow, unless they have this value.
void require_plain(const io::GgufFile& file, const std::string& prefix, const char* key,
                   int64_t plain) {
  const io::GgufValue* value = file.find(prefix + key);
  if (!value || value->as_int() == plain) return;
  throw core::FormatError({.where = file.path().string() + ": " + prefix + key,
                           .expected = fmt::format("{} or no such key", plain),
                           .got = fmt::format("{}", value->as_int()),
                           .hint = "Mixture of experts and sliding windows are not supported"});
}

// One number, or an array of equal numbers, one for each layer.
int64_t per_layer(const io::GgufFile& file, const std::string& key, int64_t fallback) {
  const io::GgufValue* value = file.find(key);
  if (!value) return fallback;
  if (value->type() != io::GgufType::kArray) return value->as_int();
  const std::vector<int64_t> values = value->as_ints();
  if (!values.empty() &&
      std::all_of(values.begin(), values.end(), [&](int64_t v) { return v == values.front(); }))
    return values.front();
  throw core::FormatError({.where = file.path().string() + ": " + key,
                           .expected = "the same number for every layer",
                           .got = "different ones",
                           .hint = "Layers of different shapes are not supported"});
}

int64_t int_or(const io::GgufFile& file, const std::string& key, int64_t fallback) {
  const io::GgufValue* value = file.find(key);
  return value ? value->as_int() : fallback;
}

void read_shape(const io::GgufModel& model, const std::string& prefix, ModelConfig& config) {
  const io::GgufFile& file = model.metadata();
  config.hidden_size = file.get(prefix + "embedding_length").as_int();
  config.intermediate_size = per_layer(file, prefix + "feed_forward_length", 0);
  config.num_hidden_layers = file.get(prefix + "block_count").as_int();
  config.num_attention_heads = per_layer(file, prefix + "attention.head_count", 0);
  config.num_key_value_heads =
      per_layer(file, prefix + "attention.head_count_kv", config.num_attention_heads);
  const int64_t rotated = int_or(file, prefix + "rope.dimension_count", 0);
  const int64_t divided =
      config.num_attention_heads > 0 ? config.hidden_size / config.num_attention_heads : 0;
  config.head_dim = int_or(file, prefix + "attention.key_length", rotated ? rotated : divided);
  require_plain(file, prefix, "attention.value_length", config.head_dim);
  require_plain(file, prefix, "rope.dimension_count", config.head_dim);
  require_plain(file, prefix, "expert_count", 0);
  config.max_position_embeddings = file.get(prefix + "context_length").as_int();
  require_plain(file, prefix, "attention.sliding_window", config.max_position_embeddings);
  config.rms_norm_eps =
      core::shortest_decimal(file.get(prefix + "attention.layer_norm_rms_epsilon").as_float());
}

void read_tensors(const io::GgufModel& model, ModelConfig& config) {
  const io::GgufTensor* embedding = model.find_tensor("token_embd.weight");
  if (embedding == nullptr || embedding->shape.size() != 2) {
    throw core::FormatError(
        {.where = model.metadata().path().string(),
         .expected = "a matrix token_embd.weight",
         .got = "none",
         .hint = "The file holds no whole model (a LoRA adapter, a vocabulary?)"});
  }
  config.vocab_size = embedding->shape[0];
  config.tie_word_embeddings = model.find_tensor("output.weight") == nullptr;
  if (config.architecture != Architecture::kQwen2)
    config.attention_bias = model.find_tensor("blk.0.attn_q.bias") != nullptr;
  if (config.architecture == Architecture::kLlama)
    config.mlp_bias = model.find_tensor("blk.0.ffn_up.bias") != nullptr;
}

void read_ids(const io::GgufFile& file, ModelConfig& config) {
  const auto id = [&](const char* key) -> std::optional<int64_t> {
    const io::GgufValue* value = file.find(std::string("tokenizer.ggml.") + key);
    return value ? std::optional<int64_t>(value->as_int()) : std::nullopt;
  };
  config.bos_token_id = id("bos_token_id");
  config.pad_token_id = id("padding_token_id");
  config.eos_token_ids.clear();
  for (const char* key : {"eos_token_id", "eot_token_id"}) {
    const auto found = id(key);
    if (found && std::ranges::find(config.eos_token_ids, *found) == config.eos_token_ids.end())
      config.eos_token_ids.push_back(*found);
  }
}

// What a file can hold of a config, in the form read_plain_config gives.
ModelConfig as_in_gguf(ModelConfig config) {
  if (config.architecture == Architecture::kMistral) config.architecture = Architecture::kLlama;
  config.rms_norm_eps = core::shortest_decimal(config.rms_norm_eps);
  config.rope = rope_as_in_gguf(config);
  const ModelConfig absent;
  config.initializer_range = absent.initializer_range;
  config.dtype = absent.dtype;
  config.inert = absent.inert;
  config.bos_token_id = config.pad_token_id = std::nullopt;
  config.eos_token_ids.clear();
  return config;
}

ModelConfig read_plain_config(const io::GgufModel& model,
                              const std::optional<Llama3Scaling>& given) {
  ModelConfig config;
  config.architecture = read_architecture(model.metadata());
  const std::string prefix = std::string(gguf_architecture(config.architecture)) + ".";
  read_shape(model, prefix, config);
  read_tensors(model, config);
  read_gguf_rope(model, prefix, given, config);
  read_ids(model.metadata(), config);
  return config;
}

// The config as it was written, where the rest of the file agrees with it.
ModelConfig prefer_written_config(const io::GgufFile& file, const ModelConfig& plain) {
  const io::GgufValue* text = file.find("llmtrain.config");
  if (!text) return plain;
  const std::string where = file.path().string() + ": llmtrain.config";
  const ModelConfig written =
      parse_model_config(io::parse_ordered_json(text->as_string(), where), where);
  if (as_in_gguf(written) == as_in_gguf(plain)) return written;
  core::log_warn("{} does not describe this file and is ignored", where);
  return plain;
}

}  // namespace

ModelConfig config_from_gguf(const io::GgufModel& model,
                             const std::optional<Llama3Scaling>& given) {
  const ModelConfig plain = read_plain_config(model, given);
  validate(plain, model.metadata().path().string());
  return prefer_written_config(model.metadata(), plain);
}

void add_gguf_metadata(const ModelConfig& config, io::GgufMetadata& metadata) {
  const std::string prefix = std::string(gguf_architecture(config.architecture)) + ".";
  const auto number = [&](const char* key, int64_t value) {
    metadata.set(prefix + key, static_cast<uint32_t>(value));
  };
  number("vocab_size", config.vocab_size);
  number("context_length", config.max_position_embeddings);
  number("embedding_length", config.hidden_size);
  number("block_count", config.num_hidden_layers);
  number("feed_forward_length", config.intermediate_size);
  number("attention.head_count", config.num_attention_heads);
  number("attention.head_count_kv", config.num_key_value_heads);
  number("attention.key_length", config.head_dim);
  number("attention.value_length", config.head_dim);
  metadata.set(prefix + "attention.layer_norm_rms_epsilon",
               static_cast<float>(config.rms_norm_eps));
  add_gguf_rope(config, prefix, metadata);
  metadata.set("llmtrain.config", to_json(config).dump());
}

}  // namespace llm::arch
