#include "llm/convert/generation_config.h"

#include <fmt/format.h>

#include <limits>
#include <set>

#include "llm/core/config.h"
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

// What the sampler can do something with (generate::SamplingConfig). top_k -1 is another way to say
// 0: all tokens.
const core::Range kTemperatures = core::at_least(0);
const core::Range kTopK = core::between(-1, std::numeric_limits<int32_t>::max());
const core::Range kTopP = {.low = 0, .high = 1, .low_open = true};
const core::Range kMinP = core::between(0, 1);
const core::Range kPenalties = core::between(0.01, 100);
const core::Range kLengths = core::between(1, std::numeric_limits<int32_t>::max());

// Takes the keys one by one; what was not asked for is inert.
class Reader {
 public:
  Reader(const io::OrderedJson& json, const std::string& where, std::vector<std::string>& ignored)
      : json_(json), where_(where), ignored_(ignored) {}

  void read(const char* key, const core::Range& range, std::optional<double>& out) {
    const auto* value = take(key);
    if (!value) return;
    if (!value->is_number()) throw wrong_type(where_, key, "a number", *value);
    if (is_usable(key, *value, "a number", range)) out = value->get<double>();
  }
  void read(const char* key, const core::Range& range, std::optional<int64_t>& out) {
    const auto* value = take(key);
    if (!value) return;
    if (!value->is_number_integer()) throw wrong_type(where_, key, "a whole number", *value);
    if (is_usable(key, *value, "a whole number", range)) out = value->get<int64_t>();
  }
  void read(const char* key, std::optional<bool>& out) {
    if (const auto* value = take(key)) {
      if (!value->is_boolean()) throw wrong_type(where_, key, "true or false", *value);
      out = value->get<bool>();
    }
  }
  void read_ids(const char* key, int64_t vocab_size, std::vector<int64_t>& out) {
    const auto* value = take(key);
    if (!value) return;
    const io::OrderedJson list = value->is_array() ? *value : io::OrderedJson::array({*value});
    for (const auto& id : list) {
      if (!id.is_number_integer()) {
        throw wrong_type(where_, key, "a token id or a list of them", *value);
      }
      const core::Range range = core::between(0, static_cast<double>(vocab_size - 1));
      if (is_usable(key, id, "an id", range)) out.push_back(id.get<int64_t>());
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

  bool is_usable(const char* key, const io::OrderedJson& value, const char* what,
                 const core::Range& range) {
    if (range.contains(value.get<double>())) return true;
    ignored_.push_back(
        fmt::format("{}: expected {} {}, got {}", key, what, range.text(), value.dump()));
    return false;
  }

  const io::OrderedJson& json_;
  const std::string& where_;
  std::vector<std::string>& ignored_;
  std::set<std::string> taken_;
};

template <class T>
void write(io::OrderedJson& json, const char* key, const std::optional<T>& value) {
  if (value) json[key] = *value;
}

}  // namespace

bool GenerationConfig::empty() const { return to_json(*this).empty(); }

GenerationConfig parse_generation_config(const io::OrderedJson& json, const std::string& where,
                                         int64_t vocab_size, std::vector<std::string>& ignored) {
  if (!json.is_object()) throw wrong_type(where, "(file)", "a JSON object", json);
  GenerationConfig config;
  Reader reader(json, where, ignored);
  reader.read_ids("eos_token_id", vocab_size, config.eos_token_ids);
  reader.read("do_sample", config.do_sample);
  reader.read("temperature", kTemperatures, config.temperature);
  reader.read("top_k", kTopK, config.top_k);
  reader.read("top_p", kTopP, config.top_p);
  reader.read("min_p", kMinP, config.min_p);
  reader.read("repetition_penalty", kPenalties, config.repetition_penalty);
  reader.read("max_new_tokens", kLengths, config.max_new_tokens);
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

GenerationConfig read_generation_config(const std::filesystem::path& directory, int64_t vocab_size,
                                        std::vector<std::string>& ignored) {
  const std::filesystem::path file = directory / kGenerationConfigName;
  if (!std::filesystem::exists(file)) return {};
  return parse_generation_config(io::read_ordered_json_file(file), file.string(), vocab_size,
                                 ignored);
}

}  // namespace llm::convert
