#include "llm/convert/model_directory.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "convert/model_files.h"
#include "llm/core/check.h"
#include "llm/core/error.h"
#include "llm/core/log.h"
#include "llm/io/atomic_file.h"
#include "llm/io/file.h"
#include "llm/io/file_operations.h"

namespace llm::convert {
namespace {

namespace fs = std::filesystem;

constexpr const char* kTemplateName = "chat_template.jinja";

// A list of {"name", "template"}: the one called "default".
std::string default_template(const io::OrderedJson& list) {
  for (const auto& entry : list) {
    if (entry.is_object() && entry.value("name", "") == "default") {
      return entry.value("template", "");
    }
  }
  return "";
}

const char* dtype_key(at::ScalarType dtype) {
  switch (dtype) {
    case at::kFloat:
      return "float32";
    case at::kBFloat16:
      return "bfloat16";
    case at::kHalf:
      return "float16";
    default:
      LLM_CHECK(false, "weights are never saved as {}", c10::toString(dtype));
  }
}

}  // namespace

arch::ModelConfig read_directory_config(const fs::path& directory, const OpenOptions& options) {
  arch::ReadReport report;
  const fs::path file = directory / "config.json";
  arch::ModelConfig config = arch::read_model_config(file, {.strict = options.strict}, &report);
  log_unknown_keys(file.string(), report.unknown_keys, options);
  return config;
}

GenerationConfig read_hints(const fs::path& directory, const arch::ModelConfig& config,
                            const OpenOptions& options) {
  std::vector<std::string> ignored;
  GenerationConfig hints = read_generation_config(directory, config.vocab_size, ignored);
  log_ignored_hints((directory / kGenerationConfigName).string(), ignored, options);
  return hints;
}

void log_unknown_keys(const std::string& file, const std::vector<std::string>& keys,
                      const OpenOptions& options) {
  if (keys.empty() || !options.warns) return;
  core::log_warn("{}: unknown keys kept, but not used: {}", file, fmt::join(keys, ", "));
}

void log_ignored_hints(const std::string& file, const std::vector<std::string>& ignored,
                       const OpenOptions& options) {
  if (!options.warns) return;
  for (const std::string& problem : ignored) core::log_warn("{}: {}; ignored", file, problem);
}

void write_model_config(const fs::path& directory, arch::ModelConfig config, at::ScalarType dtype) {
  config.dtype = dtype_key(dtype);
  io::write_file_atomically(directory / "config.json", arch::to_json(config).dump(2) + "\n");
}

void copy_tokenizer_files(const fs::path& from, const fs::path& to) {
  for (const char* name :
       {"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "tokenizer.model"}) {
    if (fs::exists(from / name)) io::write_file_atomically(to / name, io::read_file(from / name));
  }
}

void write_generation_files(const fs::path& directory, const GenerationConfig& generation,
                            const std::string& chat_template) {
  if (!generation.empty()) {
    io::write_file_atomically(directory / kGenerationConfigName,
                              to_json(generation).dump(2) + "\n");
  }
  if (!chat_template.empty()) io::write_file_atomically(directory / kTemplateName, chat_template);
}

bool has_tokenizer(const fs::path& directory) {
  const auto names = {"tokenizer.json", "tokenizer.json.zst", "tokenizer.json.gz",
                      "encoder.json",   "vocab.json",         "tokenizer.model"};
  return std::any_of(names.begin(), names.end(),
                     [&](const char* name) { return fs::exists(directory / name); });
}

std::string read_chat_template(const fs::path& directory) {
  if (fs::exists(directory / kTemplateName)) return io::read_file(directory / kTemplateName);
  const fs::path file = directory / "tokenizer_config.json";
  if (!fs::exists(file)) return "";
  const io::OrderedJson json = io::read_ordered_json_file(file);
  const auto found = json.is_object() ? json.find("chat_template") : json.end();
  if (found == json.end() || found->is_null()) return "";
  if (found->is_string()) return found->get<std::string>();
  if (found->is_array()) return default_template(*found);
  throw core::FormatError({.where = file.string() + ": chat_template",
                           .expected = "a string or a list of named templates",
                           .got = found->type_name(),
                           .hint = "Correct or remove the key."});
}

void load_weights(const WeightSource& source, const arch::ModelConfig& config,
                  tensor::ParameterStore& store) {
  require_exact_weights(source, config);
  const at::NoGradGuard no_grad;
  for (const tensor::ParameterRange& parameter : store.parameters()) {
    const std::string& name = parameter.spec.name;
    store.weight(name).copy_(source.read(name));
  }
}

LoadedModel load_model(const fs::path& path, const LoadOptions& options) {
  ModelSource source = open_model(path, {.strict = options.strict,
                                         .need_tokenizer = options.need_tokenizer,
                                         .on_read = options.on_read});
  LoadedModel loaded;
  loaded.store = std::make_unique<tensor::ParameterStore>(
      arch::parameter_specs(source.config),
      tensor::StoreOptions{
          .device = options.device, .dtype = options.dtype, .trainable = options.trainable});
  load_weights(*source.weights, source.config, *loaded.store);
  loaded.model = std::make_unique<nn::CausalLM>(source.config, *loaded.store);
  loaded.path = std::move(source.path);
  loaded.config = std::move(source.config);
  loaded.tokenizer = std::move(source.tokenizer);
  loaded.generation = std::move(source.generation);
  loaded.chat_template = std::move(source.chat_template);
  return loaded;
}

void save_companions(const fs::path& directory, const text::Tokenizer* tokenizer,
                     const GenerationConfig& generation, const std::string& chat_template) {
  if (tokenizer) tokenizer->save(directory);
  write_generation_files(directory, generation, chat_template);
}

void save_model(const fs::path& directory, const arch::ModelConfig& config,
                const TensorSource& source, const text::Tokenizer* tokenizer,
                const GenerationConfig& generation, const std::string& chat_template,
                const SaveOptions& options) {
  io::make_directories(directory);
  write_model_config(directory, config, options.dtype);
  save_companions(directory, tokenizer, generation, chat_template);
  write_weights(directory, arch::parameter_specs(config), source, options);
}

void save_model(const fs::path& directory, const arch::ModelConfig& config,
                const tensor::ParameterStore& store, const text::Tokenizer* tokenizer,
                const GenerationConfig& generation, const std::string& chat_template,
                const SaveOptions& options) {
  save_model(
      directory, config, [&](const arch::ParameterSpec& spec) { return store.weight(spec.name); },
      tokenizer, generation, chat_template, options);
}

}  // namespace llm::convert
