// A model on disk in any format we read, opened but not loaded: its config, tokenizer, sampling
// hints and chat template, and the tensors to take one at a time. Loading, conversion and verify
// all start here, so a new format is one more ModelFormat.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "llm/arch/gguf.h"
#include "llm/arch/model_config.h"
#include "llm/convert/generation_config.h"
#include "llm/convert/weight_source.h"
#include "llm/text/tokenizer.h"

namespace llm::convert {

enum class ModelFormat { kHuggingFace, kGguf, kLlama2c, kAdapter };
// "Hugging Face directory", "GGUF", "llama2.c", "LoRA adapter"
const char* format_name(ModelFormat format);

struct AppliedAdapter;  // lora_adapter.h

struct ModelSource {
  std::filesystem::path path;  // the directory or the (first) file
  ModelFormat format = ModelFormat::kHuggingFace;
  arch::ModelConfig config;
  std::shared_ptr<const text::Tokenizer> tokenizer;  // null when there is none
  GenerationConfig generation;
  std::string chat_template;  // Jinja text; "" when there is none
  std::unique_ptr<WeightSource> weights;
  // The directory whose tokenizer.json this is; "" where the tokenizer came in another form.
  std::filesystem::path tokenizer_files = {};
  // Of an adapter directory: all else here is the merged model.
  std::shared_ptr<const AppliedAdapter> adapter = nullptr;
};

struct OpenOptions {
  bool strict = false;          // unknown config keys are errors
  bool need_tokenizer = false;  // its absence is an error
  // Unknown keys and unusable hints go to the log. Off: somebody has read the warnings already.
  bool warns = true;
  // Of a GGUF file with rope_freqs, where it cannot be recovered from them.
  std::optional<arch::Llama3Scaling> rope_scaling = {};
  // The model that an adapter directory is for; "": the one its base_model_name_or_path says. Of
  // no meaning for other models.
  std::filesystem::path base = {};
  // Called before a tensor or some of its rows are read. What it throws ends the reading: the way
  // to stop long work, and to see where it is.
  std::function<void(const std::string& name)> on_read = {};
};

// `path`: a model directory, a checkpoint, a run directory (its newest valid checkpoint), a GGUF
// file (any shard of a split one), llama2.c's version 0 .bin with tok512.bin or tokenizer.bin
// beside it, or a PEFT adapter directory, which opens as the merged model (lora_adapter.h).
// Throws: IoError when nothing usable is there; FormatError for corrupt or unsupported content,
// and for a tokenizer with more ids than the model; ConfigError for a config.json or
// adapter_config.json that arch refuses, and for an adapter whose base is not there. Weights are
// not compared with the config yet: require_exact_weights does that.
ModelSource open_model(const std::filesystem::path& path, const OpenOptions& options = {});

}  // namespace llm::convert
