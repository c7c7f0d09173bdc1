#include "convert/gguf_metadata.h"
#include "convert/model_files.h"
#include "llm/core/decimal.h"
#include "llm/core/log.h"

namespace llm::convert {
namespace {

constexpr const char* kWrittenKey = "llmtrain.generation_config";

void read_number(const io::GgufFile& file, const char* key, std::optional<double>& out) {
  if (const io::GgufValue* value = file.find(key)) out = core::shortest_decimal(value->as_float());
}

GenerationConfig read_sampling(const io::GgufFile& file) {
  GenerationConfig config;
  read_number(file, "general.sampling.temp", config.temperature);
  read_number(file, "general.sampling.top_p", config.top_p);
  read_number(file, "general.sampling.min_p", config.min_p);
  read_number(file, "general.sampling.penalty_repeat", config.repetition_penalty);
  if (const io::GgufValue* value = file.find("general.sampling.top_k"))
    config.top_k = value->as_int();
  return config;
}

bool same_sampling(const GenerationConfig& a, const GenerationConfig& b) {
  const auto same = [](const std::optional<double>& x, const std::optional<double>& y) {
    return x.has_value() == y.has_value() &&
           (!x || static_cast<float>(*x) == static_cast<float>(*y));
  };
  return same(a.temperature, b.temperature) && same(a.top_p, b.top_p) && same(a.min_p, b.min_p) &&
         same(a.repetition_penalty, b.repetition_penalty) && a.top_k == b.top_k;
}

}  // namespace

GenerationConfig read_gguf_generation(const io::GgufFile& file, const arch::ModelConfig& config,
                                      const OpenOptions& options) {
  const std::string name = file.path().string();
  std::vector<std::string> ignored;
  const GenerationConfig sampling = parse_generation_config(
      to_json(read_sampling(file)), name + ": general.sampling.*", config.vocab_size, ignored);
  log_ignored_hints(name + ": general.sampling.*", ignored, options);
  const io::GgufValue* text = file.find(kWrittenKey);
  if (!text) return sampling;
  const std::string where = name + ": " + kWrittenKey;
  ignored.clear();
  GenerationConfig written = parse_generation_config(
      io::parse_ordered_json(text->as_string(), where), where, config.vocab_size, ignored);
  log_ignored_hints(where, ignored, options);
  if (same_sampling(written, sampling)) return written;
  if (options.warns) core::log_warn("{} disagrees with general.sampling.* and is ignored", where);
  return sampling;
}

void add_gguf_generation(const GenerationConfig& generation, io::GgufMetadata& metadata) {
  const auto add = [&](const char* key, const std::optional<double>& value) {
    if (value) metadata.set(key, static_cast<float>(*value));
  };
  add("general.sampling.temp", generation.temperature);
  add("general.sampling.top_p", generation.top_p);
  add("general.sampling.min_p", generation.min_p);
  add("general.sampling.penalty_repeat", generation.repetition_penalty);
  if (generation.top_k)
    metadata.set("general.sampling.top_k", static_cast<int32_t>(*generation.top_k));
  if (!generation.empty()) metadata.set(kWrittenKey, to_json(generation).dump());
}

}  // namespace llm::convert
