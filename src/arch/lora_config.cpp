#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "arch/key_reader.h"
#include "llm/arch/lora.h"
#include "llm/core/error.h"
#include "llm/io/file.h"

namespace llm::arch {
namespace {

using io::OrderedJson;

// Keys that are supported at some values only.
struct LoraRule {
  const char* key;
  const char* allowed;  // a JSON list
  const char* reason;
};
constexpr LoraRule kLoraRules[] = {
    {"peft_type", R"(["LORA"])", "only LoRA adapters are read"},
    {"task_type", R"(["CAUSAL_LM"])", "only adapters of causal language models are read"},
    {"bias", R"(["none"])", "adapters that train biases are not supported"},
    {"use_dora", "[false, null]", "DoRA (weight-decomposed adapters) is not supported"},
    {"lora_bias", "[false, null]", "a bias of B is not supported"},
    {"fan_in_fan_out", "[false, null]", "weights are [out, in] in every model we read"},
    {"use_qalora", "[false, null]", "QA-LoRA is not supported"},
    {"use_bdlora", "[null]", "block-diagonal adapters are not supported"},
    {"arrow_config", "[null]", "Arrow routing is not supported"},
    {"velora_config", "[null]", "VeLoRA is not supported"},
    {"kasa_config", "[null]", "KaSA is not supported"},
    {"monteclora_config", "[null]", "MonteCLoRA is not supported"},
    {"layer_replication", "[null]", "models with repeated layers are not supported"},
    {"target_parameters", "[null, []]", "only whole modules are adapted"},
    {"trainable_token_indices", "[null]",
     "single trained tokens are not supported; use modules_to_save"},
    {"alora_invocation_tokens", "[null]", "adapters that wait for a token are not supported"},
    {"init_lora_weights", R"([true, false, null, "gaussian", "eva", "orthogonal", "mica"])",
     "this initialisation changes the base weights too; save the adapter with "
     "path_initial_model_for_weight_conversion"},
};

constexpr const char* kLoraUsed[] = {"r",
                                     "lora_alpha",
                                     "lora_dropout",
                                     "use_rslora",
                                     "target_modules",
                                     "exclude_modules",
                                     "layers_to_transform",
                                     "layers_pattern",
                                     "rank_pattern",
                                     "alpha_pattern",
                                     "modules_to_save",
                                     "ensure_weight_tying",
                                     "init_lora_weights",
                                     "base_model_name_or_path",
                                     "inference_mode"};

// What they say matters in training or to other programs alone.
constexpr const char* kLoraInert[] = {"auto_mapping",  "corda_config",   "eva_config",
                                      "loftq_config",  "lora_ga_config", "megatron_config",
                                      "megatron_core", "peft_version",   "qalora_group_size",
                                      "revision",      "runtime_config", "unsloth_fixed"};

template <class List>
bool holds(const List& list, const std::string& key) {
  return std::any_of(std::begin(list), std::end(list),
                     [&](const char* known) { return key == known; });
}

const LoraRule* find_rule(const std::string& key) {
  const auto found = std::find_if(std::begin(kLoraRules), std::end(kLoraRules),
                                  [&](const LoraRule& rule) { return key == rule.key; });
  return found == std::end(kLoraRules) ? nullptr : found;
}

// A key that is used, too, stays out of `inert`.
void sort_lora_keys(const OrderedJson& json, LoraConfig& config, Problems& problems,
                    std::vector<std::string>& unknown) {
  for (const auto& [key, value] : json.items()) {
    if (const LoraRule* rule = find_rule(key)) {
      const OrderedJson allowed = io::parse_ordered_json(rule->allowed, key);
      if (std::find(allowed.begin(), allowed.end(), value) == allowed.end())
        problems.add(key, fmt::format("{}: {}", value.dump(), rule->reason),
                     "Supported: " + allowed.dump());
    } else if (!holds(kLoraUsed, key)) {
      config.inert[key] = value;
      if (!holds(kLoraInert, key)) unknown.push_back(key);
    }
  }
  for (const char* key : {"peft_type", "task_type"})
    if (!json.contains(key)) problems.add(key, "missing", "Add it to the config");
}

// Reads of the kinds that KeyReader does not know.
class LoraReader {
 public:
  LoraReader(const OrderedJson& json, Problems& problems) : json_(json), problems_(problems) {}

  void read(const char* key, std::vector<std::string>& out) {
    if (const OrderedJson* value = find(key)) {
      if (is_texts(*value))
        out = value->get<std::vector<std::string>>();
      else
        refuse(key, "a list of names", *value);
    }
  }
  void read(const char* key, ModuleNames& out) {
    const OrderedJson* value = find(key);
    if (!value) return;
    if (value->is_string())
      out.pattern = value->get<std::string>();
    else
      read(key, out.suffixes);
  }
  // A number stands for a list of one.
  void read(const char* key, std::optional<std::vector<int64_t>>& out) {
    const OrderedJson* value = find(key);
    if (!value) return;
    const OrderedJson list = value->is_array() ? *value : OrderedJson::array({*value});
    if (!std::all_of(list.begin(), list.end(), is_size)) return refuse(key, "layers", *value);
    if (!list.empty()) out = list.get<std::vector<int64_t>>();
  }
  template <class T>
  void read(const char* key, std::vector<std::pair<std::string, T>>& out) {
    const OrderedJson* value = find(key);
    if (!value) return;
    if (!value->is_object()) return refuse(key, "an object of numbers", *value);
    for (const auto& [pattern, number] : value->items()) {
      if (std::is_integral_v<T> ? !is_size(number) : !number.is_number())
        return refuse(key, "an object of numbers", *value);
      out.emplace_back(pattern, number.template get<T>());
    }
  }

 private:
  static bool is_size(const OrderedJson& value) {
    return value.is_number_integer() && value.get<int64_t>() >= 0 &&
           value.get<int64_t>() <= int64_t{1} << 24;
  }
  static bool is_texts(const OrderedJson& value) {
    return value.is_array() && std::all_of(value.begin(), value.end(), [](const OrderedJson& name) {
             return name.is_string() && !name.get<std::string>().empty();
           });
  }
  const OrderedJson* find(const char* key) const {
    const auto it = json_.find(key);
    return it == json_.end() || it->is_null() ? nullptr : &*it;
  }
  void refuse(const char* key, const char* expected, const OrderedJson& got) {
    problems_.add(key, fmt::format("expected {}, got {}", expected, got.dump()),
                  "Correct the value");
  }

  const OrderedJson& json_;
  Problems& problems_;
};

void check_lora_numbers(const LoraConfig& config, Problems& problems) {
  std::vector<int64_t> ranks = {config.r};
  std::vector<double> alphas = {config.lora_alpha};
  for (const auto& [unused, rank] : config.rank_pattern) ranks.push_back(rank);
  for (const auto& [unused, alpha] : config.alpha_pattern) alphas.push_back(alpha);
  for (const int64_t rank : ranks)
    if (rank < 1 || rank > 1 << 16)
      problems.add("r", fmt::format("a rank of {}", rank), "Give 1 to 65536");
  for (const double alpha : alphas)
    if (!std::isfinite(alpha)) problems.add("lora_alpha", "no finite number", "Correct the value");
  if (!(config.lora_dropout >= 0 && config.lora_dropout < 1))
    problems.add("lora_dropout", fmt::format("{}", config.lora_dropout), "Give 0 to below 1");
  if (config.target_modules.empty())
    problems.add("target_modules", "missing or empty", "Name the modules, or \"all-linear\"");
  const bool has_layers = config.layers_to_transform.has_value() || !config.layers_pattern.empty();
  if (has_layers && !config.target_modules.pattern.empty())
    problems.add("layers_to_transform", "beside a regular expression in target_modules",
                 "Say the layers in the expression");
}

OrderedJson names_json(const ModuleNames& names) {
  if (!names.pattern.empty()) return names.pattern;
  return names.suffixes;
}

template <class T>
OrderedJson pattern_json(const std::vector<std::pair<std::string, T>>& patterns) {
  OrderedJson json = OrderedJson::object();
  for (const auto& [pattern, value] : patterns) json[pattern] = value;
  return json;
}

// 16, not 16.0: PEFT's alpha is a whole number as a rule.
OrderedJson number_json(double value) {
  if (std::abs(value) < 1e15 && std::trunc(value) == value) return static_cast<int64_t>(value);
  return value;
}

OrderedJson list_or_null(const std::vector<std::string>& list) {
  return list.empty() ? OrderedJson(nullptr) : OrderedJson(list);
}

}  // namespace

LoraConfig parse_lora_config(const OrderedJson& json, const std::string& where,
                             ReadReport* report) {
  if (!json.is_object()) throw core::ConfigError({where, "a JSON object", json.type_name(), ""});
  LoraConfig config;
  Problems problems;
  std::vector<std::string> unknown;
  sort_lora_keys(json, config, problems, unknown);
  KeyReader reader(json, "", problems);
  reader.read("r", config.r);
  reader.read("lora_alpha", config.lora_alpha);
  reader.read("lora_dropout", config.lora_dropout);
  reader.read("use_rslora", config.use_rslora);
  reader.read("ensure_weight_tying", config.ensure_weight_tying);
  reader.read("base_model_name_or_path", config.base_model_name_or_path);
  reader.read("inference_mode", config.inference_mode);
  if (const auto it = json.find("init_lora_weights"); it != json.end() && !it->is_null())
    config.init_lora_weights = *it;
  LoraReader lists(json, problems);
  lists.read("target_modules", config.target_modules);
  lists.read("exclude_modules", config.exclude_modules);
  lists.read("layers_to_transform", config.layers_to_transform);
  if (const auto it = json.find("layers_pattern"); it != json.end() && it->is_string())
    config.layers_pattern = {it->get<std::string>()};
  else
    lists.read("layers_pattern", config.layers_pattern);
  lists.read("rank_pattern", config.rank_pattern);
  lists.read("alpha_pattern", config.alpha_pattern);
  lists.read("modules_to_save", config.modules_to_save);
  check_lora_numbers(config, problems);
  problems.throw_if_any(where, "a LoRA adapter that llmtrain can apply");
  if (report != nullptr) report->unknown_keys = std::move(unknown);
  return config;
}

LoraConfig read_lora_config(const std::filesystem::path& file, ReadReport* report) {
  const OrderedJson json = io::read_ordered_json_file_unique(file);
  return parse_lora_config(json, file.string(), report);
}

OrderedJson to_json(const LoraConfig& config) {
  std::map<std::string, OrderedJson> keys;
  for (const auto& [key, value] : config.inert.items()) keys[key] = value;
  for (const LoraRule& rule : kLoraRules)
    if (const OrderedJson first = io::parse_ordered_json(rule.allowed, rule.key)[0];
        !first.is_null())
      keys[rule.key] = first;
  keys["init_lora_weights"] = config.init_lora_weights;
  keys["r"] = config.r;
  keys["lora_alpha"] = number_json(config.lora_alpha);
  keys["lora_dropout"] = config.lora_dropout;
  keys["use_rslora"] = config.use_rslora;
  keys["target_modules"] = names_json(config.target_modules);
  keys["exclude_modules"] =
      config.exclude_modules.empty() ? OrderedJson(nullptr) : names_json(config.exclude_modules);
  keys["layers_to_transform"] =
      config.layers_to_transform ? OrderedJson(*config.layers_to_transform) : OrderedJson(nullptr);
  keys["layers_pattern"] = list_or_null(config.layers_pattern);
  keys["rank_pattern"] = pattern_json(config.rank_pattern);
  OrderedJson alphas = OrderedJson::object();
  for (const auto& [pattern, alpha] : config.alpha_pattern) alphas[pattern] = number_json(alpha);
  keys["alpha_pattern"] = alphas;
  keys["modules_to_save"] = list_or_null(config.modules_to_save);
  keys["ensure_weight_tying"] = config.ensure_weight_tying;
  keys["base_model_name_or_path"] = config.base_model_name_or_path;
  keys["inference_mode"] = config.inference_mode;
  OrderedJson json = OrderedJson::object();
  for (const auto& [key, value] : keys) json[key] = value;
  return json;
}

}  // namespace llm::arch
