// The small files of a model directory, shared by loading, saving and import.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "llm/arch/model_config.h"
#include "llm/convert/generation_config.h"
#include "llm/convert/model_source.h"
#include "llm/text/tokenizer.h"

namespace llm::convert {

// Throws for unknown keys under options.strict, else logs them.
arch::ModelConfig read_directory_config(const std::filesystem::path& directory,
                                        const OpenOptions& options);

// generation_config.json; logs what of it is ignored.
GenerationConfig read_hints(const std::filesystem::path& directory, const arch::ModelConfig& config,
                            const OpenOptions& options);

// One warning each, for what was found in `file`.
void log_unknown_keys(const std::string& file, const std::vector<std::string>& keys,
                      const OpenOptions& options);
void log_ignored_hints(const std::string& file, const std::vector<std::string>& ignored,
                       const OpenOptions& options);

// config.json, with torch_dtype as the weights are saved.
void write_model_config(const std::filesystem::path& directory, arch::ModelConfig config,
                        at::ScalarType dtype);

// tokenizer.json and what lies beside it, byte for byte.
void copy_tokenizer_files(const std::filesystem::path& from, const std::filesystem::path& to);

// generation_config.json and chat_template.jinja, where there is something to say.
void write_generation_files(const std::filesystem::path& directory,
                            const GenerationConfig& generation, const std::string& chat_template);

}  // namespace llm::convert
