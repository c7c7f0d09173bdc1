#include "arch/rope_config.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "arch/key_reader.h"
#include "llm/core/check.h"

namespace llm::arch {
namespace {

constexpr std::array<std::pair<RopeType, const char*>, 5> kTypes = {{
    {RopeType::kDefault, "default"},
    {RopeType::kLinear, "linear"},
    {RopeType::kDynamic, "dynamic"},
    {RopeType::kYarn, "yarn"},
    {RopeType::kLlama3, "llama3"},
}};

// Keys of a rope object and the types that use them.
struct RopeKey {
  const char* key;
  bool linear, dynamic, yarn, llama3;
};
constexpr RopeKey kRopeKeys[] = {
    {"factor", true, true, true, true},
    {"original_max_position_embeddings", false, false, true, true},
    {"low_freq_factor", false, false, false, true},
    {"high_freq_factor", false, false, false, true},
    {"attention_factor", false, false, true, false},
    {"beta_fast", false, false, true, false},
    {"beta_slow", false, false, true, false},
    {"mscale", false, false, true, false},
    {"mscale_all_dim", false, false, true, false},
    {"truncate", false, false, true, false},
    {"finetuned", false, false, false, false},
};

bool uses(RopeType type, const RopeKey& key) {
  switch (type) {
    case RopeType::kDefault:
      return false;
    case RopeType::kLinear:
      return key.linear;
    case RopeType::kDynamic:
      return key.dynamic;
    case RopeType::kYarn:
      return key.yarn;
    case RopeType::kLlama3:
      return key.llama3;
  }
  return false;
}

struct RopeSource {
  const io::OrderedJson& object;
  std::string name;  // "rope_scaling" or "rope_parameters"
};

RopeType read_type(const RopeSource& source, Problems& problems) {
  KeyReader reader(source.object, source.name + ".", problems);
  std::string text = "default";
  reader.read(reader.has("rope_type") ? "rope_type" : "type", text);
  for (const auto& [type, name] : kTypes)
    if (text == name) return type;
  problems.add(source.name + ".rope_type", fmt::format("\"{}\" is not supported", text),
               "Supported are default, linear, dynamic, yarn and llama3");
  return RopeType::kDefault;
}

void sort_rope_keys(const RopeSource& source, RopeConfig& rope, Problems& problems,
                    std::vector<std::string>& unknown_keys) {
  for (const auto& [key, value] : source.object.items()) {
    if (key == "rope_type" || key == "type" || key == "rope_theta") continue;
    if (key == "partial_rotary_factor") {
      if (!value.is_null() && value != 1)
        problems.add(source.name + "." + key, fmt::format("{} is not supported", value.dump()),
                     "Rotating a part of each head is not implemented: only 1 is accepted");
      continue;
    }
    const RopeKey* known = nullptr;
    for (const RopeKey& entry : kRopeKeys)
      if (key == entry.key) known = &entry;
    if (known != nullptr && uses(rope.type, *known)) continue;
    if (known == nullptr) unknown_keys.push_back(source.name + "." + key);
    rope.inert[key] = value;
  }
}

void read_yarn(KeyReader& reader, const ModelConfig& config, RopeConfig& rope) {
  reader.read("attention_factor", rope.attention_factor);
  reader.read("beta_fast", rope.beta_fast);
  reader.read("beta_slow", rope.beta_slow);
  reader.read("mscale", rope.mscale);
  reader.read("mscale_all_dim", rope.mscale_all_dim);
  reader.read("truncate", rope.truncate);
  const auto original = rope.original_max_position_embeddings;
  if (!reader.has("factor") && original.value_or(0) > 0)
    rope.factor =
        static_cast<double>(config.max_position_embeddings) / static_cast<double>(*original);
}

RopeConfig read_object(const RopeSource& source, double theta, const ModelConfig& config,
                       Problems& problems, std::vector<std::string>& unknown_keys) {
  RopeConfig rope;
  rope.theta = theta;
  rope.type = read_type(source, problems);
  sort_rope_keys(source, rope, problems, unknown_keys);
  KeyReader reader(source.object, source.name + ".", problems);
  reader.read("rope_theta", rope.theta);
  if (rope.type == RopeType::kDefault) return rope;
  if (rope.type == RopeType::kYarn || rope.type == RopeType::kLlama3)
    reader.read("original_max_position_embeddings", rope.original_max_position_embeddings);
  const bool derives_factor =
      rope.type == RopeType::kYarn && rope.original_max_position_embeddings.has_value();
  if (derives_factor)
    reader.read("factor", rope.factor);
  else
    reader.require("factor", rope.factor);
  if (rope.type == RopeType::kYarn) read_yarn(reader, config, rope);
  if (rope.type == RopeType::kLlama3) {
    reader.require("low_freq_factor", rope.low_freq_factor);
    reader.require("high_freq_factor", rope.high_freq_factor);
  }
  return rope;
}

// The object under `key`; nullptr when it is absent, null or empty.
const io::OrderedJson* find_object(const io::OrderedJson& json, const char* key,
                                   Problems& problems) {
  const auto it = json.find(key);
  if (it == json.end() || it->is_null()) return nullptr;
  if (!it->is_object()) {
    problems.add(key, fmt::format("expected an object or null, got {}", it->dump()),
                 "Write for example {\"rope_type\": \"linear\", \"factor\": 2.0}");
    return nullptr;
  }
  return it->empty() ? nullptr : &*it;
}

}  // namespace

const char* rope_type_name(RopeType type) {
  for (const auto& [known, name] : kTypes)
    if (known == type) return name;
  LLM_CHECK(false, "rope type {} has no name", static_cast<int>(type));
  return "";
}

void read_rope(const io::OrderedJson& json, ModelConfig& config, Problems& problems,
               std::vector<std::string>& unknown_keys) {
  double theta = config.rope.theta;
  KeyReader(json, "", problems).read("rope_theta", theta);
  const io::OrderedJson* legacy = find_object(json, "rope_scaling", problems);
  const io::OrderedJson* current = find_object(json, "rope_parameters", problems);
  config.rope.theta = theta;
  if (current != nullptr)
    config.rope = read_object({*current, "rope_parameters"}, theta, config, problems, unknown_keys);
  if (legacy != nullptr) {
    const RopeConfig rope =
        read_object({*legacy, "rope_scaling"}, theta, config, problems, unknown_keys);
    if (current != nullptr && !(rope == config.rope))
      problems.add("rope_parameters", "disagrees with rope_scaling and rope_theta",
                   "Keep one of the two spellings");
    config.rope = rope;
  } else if (current != nullptr && json.contains("rope_theta") && theta != config.rope.theta) {
    problems.add("rope_parameters.rope_theta",
                 fmt::format("{} disagrees with rope_theta {}", config.rope.theta, theta),
                 "Keep one of the two spellings");
  }
  // transformers prefers the length at the top level.
  if (config.rope.type == RopeType::kYarn || config.rope.type == RopeType::kLlama3)
    KeyReader(json, "", problems)
        .read("original_max_position_embeddings", config.rope.original_max_position_embeddings);
}

io::OrderedJson rope_scaling_json(const RopeConfig& rope) {
  if (rope.type == RopeType::kDefault && rope.inert.empty()) return nullptr;
  io::OrderedJson json = io::OrderedJson::object();
  json["rope_type"] = json["type"] = rope_type_name(rope.type);
  if (rope.type != RopeType::kDefault) json["factor"] = rope.factor;
  if (rope.original_max_position_embeddings)
    json["original_max_position_embeddings"] = *rope.original_max_position_embeddings;
  if (rope.type == RopeType::kLlama3) {
    json["low_freq_factor"] = rope.low_freq_factor;
    json["high_freq_factor"] = rope.high_freq_factor;
  }
  if (rope.type == RopeType::kYarn) {
    json["beta_fast"] = rope.beta_fast;
    json["beta_slow"] = rope.beta_slow;
    if (rope.attention_factor) json["attention_factor"] = *rope.attention_factor;
    if (rope.mscale) json["mscale"] = *rope.mscale;
    if (rope.mscale_all_dim) json["mscale_all_dim"] = *rope.mscale_all_dim;
    if (!rope.truncate) json["truncate"] = false;
  }
  for (const auto& [key, value] : rope.inert.items()) json[key] = value;
  return json;
}

}  // namespace llm::arch
