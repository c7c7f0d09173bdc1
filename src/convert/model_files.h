// The small files of a model directory, shared by loading, saving and import.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <memory>
#include <string>

#include "llm/arch/model_config.h"
#include "llm/convert/generation_config.h"
#include "llm/text/tokenizer.h"

namespace llm::convert {

// Logs unknown keys as a warning, or throws under `strict`.
arch::ModelConfig read_directory_config(const std::filesystem::path& directory, bool strict);

// config.json, with torch_dtype as the weights are saved.
void write_model_config(const std::filesystem::path& directory, arch::ModelConfig config,
                        at::ScalarType dtype);

// tokenizer.json and what lies beside it, byte for byte.
void copy_tokenizer_files(const std::filesystem::path& from, const std::filesystem::path& to);

// generation_config.json and chat_template.jinja, where there is something to say.
void write_generation_files(const std::filesystem::path& directory,
                            const GenerationConfig& generation, const std::string& chat_template);

}  // namespace llm::convert
