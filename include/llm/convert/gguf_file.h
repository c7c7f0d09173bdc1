// A model as one GGUF file (format: docs/formats.md), for llama.cpp and what is built on it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "llm/convert/model_source.h"

namespace llm::convert {

// general.file_type; the values are the format's.
enum class GgufFileType : uint32_t {
  kF32 = 0,
  kF16 = 1,
  kQ4_0 = 2,
  kQ8_0 = 7,
  kQ4_K_M = 15,
  kQ5_K_M = 17,
  kQ6_K = 18,
  kBF16 = 32
};
const char* file_type_name(GgufFileType type);  // "q4_k_m"
std::optional<GgufFileType> find_file_type(std::string_view name);
std::vector<std::string> file_type_names();

struct GgufOptions {
  GgufFileType type = GgufFileType::kF16;
  std::string name;  // general.name
};

// Holds one tensor at a time. What the format has no place for (sampling defaults, unused keys of
// config.json) goes into keys `llmtrain.*`, so that reading the file back gives the same config.
// Returns what a person should know about this export: for example that llama.cpp ignores the byte
// fallback of a Unigram tokenizer; nothing as a rule. Throws: FormatError for what GGUF cannot
// represent (a split regex of no known name, dynamic NTK scaling); NumericError for weights that
// are not finite; IoError.
std::vector<std::string> write_gguf(const ModelSource& source, const std::filesystem::path& out,
                                    const GgufOptions& options = {});

}  // namespace llm::convert
