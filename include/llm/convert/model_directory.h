// A model on disk is a Hugging Face directory (design section 1.1): config.json, model.safetensors
// (or shards with an index), tokenizer.json, tokenizer_config.json, generation_config.json,
// chat_template.jinja.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "llm/arch/model_config.h"
#include "llm/convert/generation_config.h"
#include "llm/convert/model_source.h"
#include "llm/convert/weight_files.h"
#include "llm/nn/causal_lm.h"
#include "llm/tensor/parameter_store.h"
#include "llm/text/tokenizer.h"

namespace llm::convert {

struct LoadOptions {
  at::Device device = at::kCPU;
  at::ScalarType dtype = at::kFloat;  // compute dtype of a frozen store
  bool trainable = false;
  bool strict = false;  // unknown config keys are errors
  bool need_tokenizer = true;
  std::function<void(const std::string& name)> on_read = {};  // OpenOptions'
};

struct LoadedModel {
  std::filesystem::path path;  // ModelSource's
  arch::ModelConfig config;
  std::unique_ptr<tensor::ParameterStore> store;
  std::unique_ptr<nn::CausalLM> model;
  std::shared_ptr<const text::Tokenizer>
      tokenizer;  // null when need_tokenizer is false and there is none
  GenerationConfig generation;
  std::string chat_template;  // Jinja text, "" when the model has none
};

// `path` as open_model takes it. Throws: what open_model and load_weights throw.
LoadedModel load_model(const std::filesystem::path& path, const LoadOptions& options = {});

// The directory `path` stands for: itself when it holds a model, its newest checkpoint when it is a
// run directory (it has a folder "checkpoints"). A directory that has a manifest must match it.
// Newer checkpoints of a run that are incomplete are named in a warning of the log.
// Throws: IoError when nothing usable is there; FormatError for a damaged checkpoint, which names a
// whole one beside it.
std::filesystem::path resolve_model_directory(const std::filesystem::path& path);

// Whether text::load_tokenizer would find files there.
bool has_tokenizer(const std::filesystem::path& directory);

// Jinja text of chat_template.jinja, else of the key chat_template in tokenizer_config.json (of a
// list the one named "default"), else "". Throws: FormatError for another type.
std::string read_chat_template(const std::filesystem::path& directory);

// Copies every tensor of the source into the store, converting dtypes one tensor at a time.
// Strict both ways: missing, unused and mis-shaped tensors are errors that list the names. A tied
// head that is stored all the same must equal the embedding. Throws: FormatError.
void load_weights(const WeightSource& source, const arch::ModelConfig& config,
                  tensor::ParameterStore& store);

// What stands beside the weights of a model or an adapter: the tokenizer when given, and
// generation_config.json, chat_template.jinja when there is something to say. Throws: IoError.
void save_companions(const std::filesystem::path& directory, const text::Tokenizer* tokenizer,
                     const GenerationConfig& generation, const std::string& chat_template);

// config.json and model.safetensors (or shards with index), one tensor in memory at a time,
// and the companions. Every file is written atomically. Throws: IoError.
void save_model(const std::filesystem::path& directory, const arch::ModelConfig& config,
                const TensorSource& source, const text::Tokenizer* tokenizer,
                const GenerationConfig& generation, const std::string& chat_template,
                const SaveOptions& options = {});
void save_model(const std::filesystem::path& directory, const arch::ModelConfig& config,
                const tensor::ParameterStore& store, const text::Tokenizer* tokenizer,
                const GenerationConfig& generation, const std::string& chat_template,
                const SaveOptions& options = {});

}  // namespace llm::convert
