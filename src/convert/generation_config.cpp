#include "llm/convert/generation_config.h"

#include <set>

#include "llm/core/error.h"

namespace llm::convert {
namespace {

core::FormatError wrong_type(const std::string& where, const std::string& key,
                             const std::string& expected, const io::OrderedJson& got) {
  return core::FormatError({.where = where + ": " + key,
                            .expected = expected,
                            .got = got.dump(),
                            .hint = "Correct or remove the key."});
}

// Takes the keys one by one; what was not asked for is inert.
class Reader {
 public:
  Reader(const io::OrderedJson& json, const std::string& where) : json_(json), where_(where) {}

  void read(const char* key, std::optional<double>& out) {
    if (const auto* value = take(key)) {
      if (!value->is_number()) throw wrong_type(where_, key, "a number", *value);
      out = value->get<double>();
    }
  }
  void read(const char* key, std::optional<int64_t>& out) {
    if (const auto* value = take(key)) {
      if (!value->is_number_integer()) throw wrong_type(where_, key, "a whole number", *value);
      out = value->get<int64_t>();
    }
  }
  void read(const char* key, std::optional<bool>& out) {
    if (const auto* value = take(key)) {
      if (!value->is_boolean()) throw wrong_type(where_, key, "true or false", *value);
      out = value->get<bool>();
    }
  }
  void read(const char* key, std::vector<int64_t>& out) {
    const auto* value = take(key);
    if (!value) return;
    const io::OrderedJson list = value->is_array() ? *value : io::OrderedJson::array({*value});
    for (const auto& id : list) {
      if (!id.is_number_integer()) {
        throw wrong_type(where_, key, "a token id or a list of them", *value);
      }
      out.push_back(id.get<int64_t>());
    }
  }
  io::OrderedJson rest() const {
    io::OrderedJson out = io::OrderedJson::object();
    for (const auto& [key, value] : json_.items()) {
      if (!taken_.contains(key)) out[key] = value;
    }
    return out;
  }

 private:
  const io::OrderedJson* take(const char* key) {
    taken_.insert(key);
    const auto found = json_.find(key);
    return found == json_.end() || found->is_null() ? nullptr : &*found;
  }

  const io::OrderedJson& json_;
  const std::string& where_;
  std::set<std::string> taken_;
};

template <class T>
void write(io::OrderedJson& json, const char* key, const std::optional<T>& value) {
  if (value) json[key] = *value;
}

}  // namespace

bool GenerationConfig::empty() const { return to_json(*this).empty(); }

GenerationConfig parse_generation_config(const io::OrderedJson& json, const std::string& where) {
  if (!json.is_object()) throw wrong_type(where, "(file)", "a JSON object", json);
  GenerationConfig config;
  Reader reader(json, where);
  reader.read("eos_token_id", config.eos_token_ids);
  reader.read("do_sample", config.do_sample);
  reader.read("temperature", config.temperature);
  reader.read("top_k", config.top_k);
  reader.read("top_p", config.top_p);
  reader.read("min_p", config.min_p);
  reader.read("repetition_penalty", config.repetition_penalty);
  reader.read("max_new_tokens", config.max_new_tokens);
  config.inert = reader.rest();
  return config;
}

io::OrderedJson to_json(const GenerationConfig& config) {
  io::OrderedJson json = config.inert;
  if (config.eos_token_ids.size() == 1) {
    json["eos_token_id"] = config.eos_token_ids.front();
  } else if (!config.eos_token_ids.empty()) {
    json["eos_token_id"] = config.eos_token_ids;
  }
  write(json, "do_sample", config.do_sample);
  write(json, "temperature", config.temperature);
  write(json, "top_k", config.top_k);
  write(json, "top_p", config.top_p);
  write(json, "min_p", config.min_p);
  write(json, "repetition_penalty", config.repetition_penalty);
  write(json, "max_new_tokens", config.max_new_tokens);
  return json;
}

GenerationConfig read_generation_config(const std::filesystem::path& directory) {
  const std::filesystem::path file = directory / kGenerationConfigName;
  if (!std::filesystem::exists(file)) return {};
  return parse_generation_config(io::read_ordered_json_file(file), file.string());
}

}  // namespace llm::convert
