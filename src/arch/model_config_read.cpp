#include <fmt/format.h>

#include <algorithm>

#include "arch/architectures.h"
#include "arch/config_keys.h"
#include "arch/key_reader.h"
#include "arch/problems.h"
#include "arch/rope_config.h"
#include "llm/core/error.h"
#include "llm/io/file.h"

namespace llm::arch {
namespace {

constexpr const char* kExpected = "a model config that can be used";

std::vector<std::string> sorted_keys(const io::OrderedJson& json) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : json.items()) keys.push_back(key);
  std::sort(keys.begin(), keys.end());
  return keys;
}

// Fills config.inert, checks what is supported at one value only, collects unknown keys.
void sort_keys(const io::OrderedJson& json, ModelConfig& config, Problems& problems,
               std::vector<std::string>& unknown_keys) {
  for (const std::string& key : sorted_keys(json)) {
    const KeyRule& rule = find_key_rule(config.architecture, key);
    const io::OrderedJson& value = json.at(key);
    if (rule.use == KeyUse::kFixed && !is_accepted(rule, value))
      problems.add(key, fmt::format("{} is not supported: {}", value.dump(), rule.reason),
                   fmt::format("Accepted: {}", rule.accepted));
    if (rule.use == KeyUse::kUnknown) unknown_keys.push_back(key);
    if (rule.use == KeyUse::kUnknown || rule.use == KeyUse::kInert) config.inert[key] = value;
  }
  if (config.architecture == Architecture::kMistral && !json.contains("sliding_window"))
    problems.add("sliding_window", "missing, which means 4096 to transformers",
                 "Write \"sliding_window\": null for a model without it");
}

void read_sizes(KeyReader& reader, ModelConfig& config) {
  reader.require("vocab_size", config.vocab_size);
  reader.require("hidden_size", config.hidden_size);
  reader.require("intermediate_size", config.intermediate_size);
  reader.require("num_hidden_layers", config.num_hidden_layers);
  reader.require("num_attention_heads", config.num_attention_heads);
  reader.read("max_position_embeddings", config.max_position_embeddings);
  config.num_key_value_heads = config.num_attention_heads;
  reader.read("num_key_value_heads", config.num_key_value_heads);
  const bool is_whole =
      config.num_attention_heads > 0 && config.hidden_size % config.num_attention_heads == 0;
  config.head_dim = is_whole ? config.hidden_size / config.num_attention_heads : 0;
  if (reader.has("head_dim")) reader.read("head_dim", config.head_dim);
}

void read_eos(const io::OrderedJson& json, ModelConfig& config, Problems& problems) {
  const auto it = json.find("eos_token_id");
  if (it == json.end()) return;
  config.eos_token_ids.clear();
  if (it->is_null()) return;
  const auto is_id = [](const io::OrderedJson& id) { return id.is_number_integer(); };
  if (is_id(*it))
    config.eos_token_ids.push_back(it->get<int64_t>());
  else if (it->is_array() && std::all_of(it->begin(), it->end(), is_id))
    config.eos_token_ids = it->get<std::vector<int64_t>>();
  else
    problems.add("eos_token_id", "expected a token id or a list of them, got " + it->dump(),
                 "Correct the value");
}

// `torch_dtype` is the older name of `dtype`.
void read_dtype(KeyReader& reader, ModelConfig& config, Problems& problems) {
  reader.read("torch_dtype", config.dtype);
  std::string current = config.dtype;
  reader.read("dtype", current);
  if (reader.has("torch_dtype") && current != config.dtype)
    problems.add("dtype", fmt::format("\"{}\" disagrees with torch_dtype", current),
                 "Keep one of the two keys");
  config.dtype = current;
}

void read_values(const io::OrderedJson& json, ModelConfig& config, Problems& problems) {
  KeyReader reader(json, "", problems);
  read_sizes(reader, config);
  reader.read("rms_norm_eps", config.rms_norm_eps);
  reader.read("initializer_range", config.initializer_range);
  reader.read("tie_word_embeddings", config.tie_word_embeddings);
  const auto is_used = [&](const char* key) {
    return find_key_rule(config.architecture, key).use == KeyUse::kUsed;
  };
  if (is_used("attention_bias")) reader.read("attention_bias", config.attention_bias);
  if (is_used("mlp_bias")) reader.read("mlp_bias", config.mlp_bias);
  reader.read("bos_token_id", config.bos_token_id);
  reader.read("pad_token_id", config.pad_token_id);
  read_eos(json, config, problems);
  read_dtype(reader, config, problems);
}

// The lengths of lists that transformers wants one entry per layer of.
void check_layer_types(const io::OrderedJson& json, const ModelConfig& config, Problems& problems) {
  const auto it = json.find("layer_types");
  if (it == json.end() || !it->is_array()) return;
  if (static_cast<int64_t>(it->size()) != config.num_hidden_layers)
    problems.add(
        "layer_types",
        fmt::format("{} entries for num_hidden_layers {}", it->size(), config.num_hidden_layers),
        "Remove the key or give one entry per layer");
}

}  // namespace

ModelConfig parse_model_config(const io::OrderedJson& json, const std::string& where,
                               const ReadOptions& options, ReadReport* report) {
  if (!json.is_object()) throw core::ConfigError({where, "a JSON object", json.type_name(), ""});
  const ArchitectureInfo& info = find_architecture(json, where);
  ModelConfig config;
  config.architecture = info.architecture;
  config.max_position_embeddings = info.max_position_embeddings;
  config.bos_token_id = info.bos_token_id;
  if (info.eos_token_id) config.eos_token_ids = {*info.eos_token_id};

  Problems problems;
  std::vector<std::string> unknown_keys;
  sort_keys(json, config, problems, unknown_keys);
  read_values(json, config, problems);
  read_rope(json, config, problems, unknown_keys);
  check_layer_types(json, config, problems);
  if (options.strict)
    for (const std::string& key : unknown_keys)
      problems.add(key, "unknown key", "Remove it, or read without strict to keep it unused");
  problems.throw_if_any(where, kExpected);
  validate(config, where);
  if (report != nullptr) report->unknown_keys = std::move(unknown_keys);
  return config;
}

ModelConfig read_model_config(const std::filesystem::path& file, const ReadOptions& options,
                              ReadReport* report) {
  const io::OrderedJson json = io::read_ordered_json_file_unique(file);
  return parse_model_config(json, file.string(), options, report);
}

}  // namespace llm::arch
