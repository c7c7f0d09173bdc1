#include "convert/adapter_source.h"

#include <fmt/format.h>

#include "convert/base_fingerprint.h"
#include "convert/merged_weights.h"
#include "convert/model_files.h"
#include "llm/convert/lora_adapter.h"
#include "llm/convert/model_directory.h"
#include "llm/core/error.h"

namespace llm::convert {
namespace {

namespace fs = std::filesystem;

core::ConfigError no_base(const fs::path& config_file, const std::string& got) {
  return core::ConfigError({.where = config_file.string() + ": base_model_name_or_path",
                            .expected = "the path of the model that this adapter is for, from the "
                                        "adapter's directory or from here",
                            .got = got,
                            .hint = "Write the path there, or give it to llmconvert as --base; "
                                    "llmtrain fetches no models by name."});
}

fs::path find_base(const fs::path& directory, const arch::LoraConfig& config,
                   const OpenOptions& options) {
  const fs::path config_file = directory / kAdapterConfigName;
  const std::string& name = config.base_model_name_or_path;
  fs::path base = options.base;
  if (base.empty()) {
    if (name.empty()) throw no_base(config_file, "nothing");
    base = fs::exists(directory / name) ? directory / name : fs::path(name);
    if (!fs::exists(base))
      throw no_base(config_file, fmt::format("\"{}\", which is not there", name));
  }
  base = base.lexically_normal();
  if (fs::is_directory(base) && is_adapter_directory(base)) {
    throw core::ConfigError({.where = base.string(),
                             .expected = "a whole model as the base of " + directory.string(),
                             .got = "an adapter",
                             .hint = "Merge that adapter first: llmconvert merge."});
  }
  return base;
}

arch::LoraConfig read_config(const fs::path& directory, const OpenOptions& options) {
  arch::ReadReport report;
  const fs::path file = directory / kAdapterConfigName;
  arch::LoraConfig config = arch::read_lora_config(file, &report);
  log_unknown_keys(file.string(), report.unknown_keys, options);
  return config;
}

void take_own_files(const fs::path& directory, const OpenOptions& options, ModelSource& source) {
  if (has_tokenizer(directory)) {
    source.tokenizer = text::load_tokenizer(directory);
    source.tokenizer_files = fs::exists(directory / "tokenizer.json") ? directory : fs::path();
  }
  if (GenerationConfig own = read_hints(directory, source.config, options); !own.empty())
    source.generation = std::move(own);
  if (std::string own = read_chat_template(directory); !own.empty())
    source.chat_template = std::move(own);
}

}  // namespace

ModelSource open_adapter(const fs::path& directory, const OpenOptions& options) {
  arch::LoraConfig config = read_config(directory, options);
  const fs::path base = find_base(directory, config, options);
  ModelSource source = open_model(
      base,
      {.strict = options.strict, .warns = options.warns, .rope_scaling = options.rope_scaling});
  if (source.adapter) {
    throw core::ConfigError({.where = base.string(),
                             .expected = "a whole model as the base of " + directory.string(),
                             .got = "a run whose newest checkpoint is an adapter",
                             .hint = "Merge that adapter first: llmconvert merge."});
  }
  LoraAdapter adapter(directory, std::move(config), source.config);
  require_exact_weights(*source.weights, source.config);
  require_own_base(adapter, source, options);
  arch::ModelConfig merged = merged_config(adapter, source.config, *source.weights);
  source.adapter =
      std::make_shared<const AppliedAdapter>(AppliedAdapter{.adapter = std::move(adapter),
                                                            .base_path = source.path,
                                                            .base_config = std::move(source.config),
                                                            .base = std::move(source.weights)});
  source.weights = std::make_unique<MergedWeights>(source.adapter, merged);
  source.config = std::move(merged);
  source.path = directory;
  source.format = ModelFormat::kAdapter;
  take_own_files(directory, options, source);
  if (options.need_tokenizer && !source.tokenizer) source.tokenizer = text::load_tokenizer(base);
  return source;
}

}  // namespace llm::convert
