// The models of tests/golden/models with what transformers computes with them; README.md there
// describes the arrays.
#pragma once

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "llm/arch/model_config.h"
#include "llm/core/check.h"
#include "llm/io/safetensors.h"
#include "support/paths.h"

namespace llm::test {

inline std::filesystem::path model_golden_folder() { return source_dir() / "tests/golden/models"; }

inline io::Json model_golden_manifest() {
  return io::read_json_file(model_golden_folder() / "manifest.json");
}

inline std::vector<std::string> model_golden_names() {
  return model_golden_manifest().at("models").get<std::vector<std::string>>();
}

class ModelGolden {
 public:
  explicit ModelGolden(const std::string& name)
      : directory_(model_golden_folder() / name),
        config_(arch::read_model_config(directory_ / "config.json")),
        arrays_(directory_ / "golden.safetensors") {}

  const std::filesystem::path& directory() const { return directory_; }  // a model directory
  const arch::ModelConfig& config() const { return config_; }
  const io::SafetensorsFile& arrays() const { return arrays_; }

  const std::vector<int64_t>& shape(const std::string& array) const { return find(array).shape; }
  std::vector<float> floats(const std::string& array) const {
    return read<float>(array, io::TensorDtype::kF32);
  }
  std::vector<int64_t> ids(const std::string& array) const {
    return read<int64_t>(array, io::TensorDtype::kI64);
  }

 private:
  const io::TensorEntry& find(const std::string& array) const {
    const io::TensorEntry* entry = arrays_.find(array);
    LLM_CHECK(entry != nullptr, "{} has no array {}", directory_.string(), array);
    return *entry;
  }
  template <class T>
  std::vector<T> read(const std::string& array, io::TensorDtype dtype) const {
    const io::TensorEntry& entry = find(array);
    LLM_CHECK(entry.dtype == dtype, "{} is {}", array, io::dtype_name(entry.dtype));
    const auto bytes = arrays_.bytes(entry);
    std::vector<T> values(bytes.size() / sizeof(T));
    std::memcpy(values.data(), bytes.data(), bytes.size());
    return values;
  }

  std::filesystem::path directory_;
  arch::ModelConfig config_;
  io::SafetensorsFile arrays_;
};

}  // namespace llm::test
