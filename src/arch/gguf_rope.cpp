#include "arch/gguf_rope.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <numbers>

#include "llm/arch/rope_frequencies.h"
#include "llm/core/decimal.h"
#include "llm/core/error.h"

namespace llm::arch {
namespace {

// Llama 3.1 and 3.3; Llama 3.2.
constexpr std::array<Llama3Scaling, 2> kPublished = {Llama3Scaling{.factor = 8},
                                                     Llama3Scaling{.factor = 32}};

void apply(const Llama3Scaling& scaling, RopeConfig& rope) {
  rope.type = RopeType::kLlama3;
  rope.factor = scaling.factor;
  rope.low_freq_factor = scaling.low_freq_factor;
  rope.high_freq_factor = scaling.high_freq_factor;
  rope.original_max_position_embeddings = scaling.original_max_position_embeddings;
}

// Files hold what various versions of Python computed in fp32: equal up to its last places.
bool nearly_equal(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i)
    if (!(std::abs(a[i] - b[i]) <= 1e-5F * std::abs(b[i]))) return false;
  return true;
}

std::vector<float> read_rope_freqs(const io::GgufModel& model, const io::GgufTensor& tensor) {
  io::require_decoder(tensor.type, tensor.name);
  std::vector<float> values(static_cast<size_t>(tensor.num_values()));
  io::dequantize(tensor.type, model.bytes(tensor), values);
  return values;
}

std::optional<Llama3Scaling> stated_scaling(const io::GgufFile& file) {
  if (!file.find("llmtrain.rope.factor")) return std::nullopt;
  return Llama3Scaling{
      .factor = core::shortest_decimal(file.get("llmtrain.rope.factor").as_float()),
      .low_freq_factor =
          core::shortest_decimal(file.get("llmtrain.rope.low_freq_factor").as_float()),
      .high_freq_factor =
          core::shortest_decimal(file.get("llmtrain.rope.high_freq_factor").as_float()),
      .original_max_position_embeddings =
          file.get("llmtrain.rope.original_context_length").as_int()};
}

void recover_llama3(const io::GgufModel& model, const io::GgufTensor& tensor,
                    const std::optional<Llama3Scaling>& given, ModelConfig& config) {
  const std::vector<float> stored = read_rope_freqs(model, tensor);
  std::vector<Llama3Scaling> candidates(kPublished.begin(), kPublished.end());
  if (const auto stated = stated_scaling(model.metadata()))
    candidates.insert(candidates.begin(), *stated);
  if (given) candidates = {*given};
  const RopeConfig plain = config.rope;
  for (const Llama3Scaling& candidate : candidates) {
    apply(candidate, config.rope);
    if (nearly_equal(stored, gguf_rope_freqs(config))) return;
    config.rope = plain;
  }
  throw core::FormatError(
      {.where = model.metadata().path().string() + ": " + kRopeFreqsName,
       .expected =
           "the divisors of a published Llama 3 scaling (factor 8 or 32 over 8192), or keys "
           "llmtrain.rope.*",
       .got = given ? "others than the given scaling has"
                    : "others, from which no scaling can be told",
       .hint = "Give it to llmconvert import as --rope-scaling FACTOR,LOW,HIGH,ORIGINAL, from the "
               "config.json that the file was made from"});
}

double value_or(const io::GgufFile& file, const std::string& key, double fallback) {
  const io::GgufValue* value = file.find(key);
  return value ? core::shortest_decimal(value->as_float()) : fallback;
}

double yarn_default_attention(double factor) {
  return factor > 1 ? 0.1 * std::log(factor) + 1.0 : 1.0;
}

// GGUF states the attention factor relative to YaRN's own.
double relative_attention(const ModelConfig& config) {
  return rope_frequencies(config, 1).attention_factor / yarn_default_attention(config.rope.factor);
}

void set_attention(double relative, RopeConfig& rope) {
  if (relative != 1.0) rope.attention_factor = relative * yarn_default_attention(rope.factor);
}

void read_yarn(const io::GgufFile& file, const std::string& scaling, RopeConfig& rope) {
  rope.type = RopeType::kYarn;
  if (const auto* value = file.find(scaling + "original_context_length"))
    rope.original_max_position_embeddings = value->as_int();
  rope.beta_fast = value_or(file, scaling + "yarn_beta_fast", rope.beta_fast);
  rope.beta_slow = value_or(file, scaling + "yarn_beta_slow", rope.beta_slow);
  set_attention(value_or(file, scaling + "attn_factor", 1.0), rope);
}

}  // namespace

// As llama.cpp's converter computes them: in fp32.
std::vector<float> gguf_rope_freqs(const ModelConfig& config) {
  if (config.rope.type != RopeType::kLlama3) return {};
  const auto theta = static_cast<float>(config.rope.theta);
  const auto original = static_cast<double>(config.rope_original_length());
  const auto factor = static_cast<float>(config.rope.factor);
  const auto low = static_cast<float>(config.rope.low_freq_factor);
  const auto high = static_cast<float>(config.rope.high_freq_factor);
  std::vector<float> divisors;
  for (int64_t i = 0; i < config.head_dim; i += 2) {
    const float frequency =
        1.0F / std::pow(theta, static_cast<float>(i) / static_cast<float>(config.head_dim));
    const float wavelength = static_cast<float>(2 * std::numbers::pi) / frequency;
    const float smooth = (static_cast<float>(original) / wavelength - low) / (high - low);
    if (wavelength < static_cast<float>(original) / high) {
      divisors.push_back(1.0F);
    } else if (wavelength > static_cast<float>(original) / low) {
      divisors.push_back(factor);
    } else {
      divisors.push_back(1.0F / ((1.0F - smooth) / factor + smooth));
    }
  }
  return divisors;
}

void read_gguf_rope(const io::GgufModel& model, const std::string& prefix,
                    const std::optional<Llama3Scaling>& given, ModelConfig& config) {
  const io::GgufFile& file = model.metadata();
  config.rope.theta = value_or(file, prefix + "rope.freq_base", 10000.0);
  if (const io::GgufTensor* freqs = model.find_tensor(kRopeFreqsName))
    return recover_llama3(model, *freqs, given, config);
  const std::string scaling = prefix + "rope.scaling.";
  const io::GgufValue* stated = file.find(scaling + "type");
  const std::string type = stated ? std::string(stated->as_string()) : "none";
  if (type == "none") return;
  config.rope.factor = value_or(file, scaling + "factor", 1.0);
  if (type == "linear") {
    config.rope.type = RopeType::kLinear;
  } else if (type == "yarn") {
    read_yarn(file, scaling, config.rope);
  } else {
    throw core::FormatError({.where = file.path().string() + ": " + scaling + "type",
                             .expected = "none, linear or yarn",
                             .got = type,
                             .hint = "This rotary scaling is not supported"});
  }
}

void add_gguf_rope(const ModelConfig& config, const std::string& prefix,
                   io::GgufMetadata& metadata) {
  const RopeConfig& rope = config.rope;
  const auto fp32 = [](double value) { return static_cast<float>(value); };
  metadata.set(prefix + "rope.dimension_count", static_cast<uint32_t>(config.head_dim));
  metadata.set(prefix + "rope.freq_base", fp32(rope.theta));
  if (rope.type == RopeType::kDefault) return;
  if (rope.type == RopeType::kDynamic || (rope.type == RopeType::kYarn && !rope.truncate)) {
    throw core::ConfigError(
        {.where = "rope_scaling",
         .expected = "a scaling that GGUF can hold: linear, yarn with \"truncate\": true, llama3",
         .got = rope.type == RopeType::kDynamic ? "dynamic" : "yarn with \"truncate\": false",
         .hint =
             "Within the trained length the scaling can be left out: set \"rope_scaling\": null "
             "in config.json"});
  }
  if (rope.type == RopeType::kLlama3) {
    metadata.set("llmtrain.rope.factor", fp32(rope.factor));
    metadata.set("llmtrain.rope.low_freq_factor", fp32(rope.low_freq_factor));
    metadata.set("llmtrain.rope.high_freq_factor", fp32(rope.high_freq_factor));
    metadata.set("llmtrain.rope.original_context_length",
                 static_cast<uint32_t>(config.rope_original_length()));
    return;
  }
  const std::string scaling = prefix + "rope.scaling.";
  metadata.set(scaling + "type", rope.type == RopeType::kYarn ? "yarn" : "linear");
  metadata.set(scaling + "factor", fp32(rope.factor));
  if (rope.type == RopeType::kLinear) return;
  metadata.set(scaling + "original_context_length",
               static_cast<uint32_t>(config.rope_original_length()));
  metadata.set(scaling + "yarn_beta_fast", fp32(rope.beta_fast));
  metadata.set(scaling + "yarn_beta_slow", fp32(rope.beta_slow));
  metadata.set(scaling + "attn_factor", fp32(relative_attention(config)));
}

RopeConfig rope_as_in_gguf(const ModelConfig& config) {
  RopeConfig rope;
  const RopeConfig& given = config.rope;
  rope.type = given.type;
  rope.theta = core::shortest_decimal(given.theta);
  if (rope.type == RopeType::kDefault) return rope;
  rope.factor = core::shortest_decimal(given.factor);
  if (rope.type == RopeType::kLinear) return rope;
  rope.original_max_position_embeddings = config.rope_original_length();
  if (rope.type == RopeType::kLlama3) {
    rope.low_freq_factor = core::shortest_decimal(given.low_freq_factor);
    rope.high_freq_factor = core::shortest_decimal(given.high_freq_factor);
    return rope;
  }
  rope.beta_fast = core::shortest_decimal(given.beta_fast);
  rope.beta_slow = core::shortest_decimal(given.beta_slow);
  set_attention(core::shortest_decimal(relative_attention(config)), rope);
  return rope;
}

}  // namespace llm::arch
