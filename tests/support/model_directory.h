// Tiny random models as directories on disk, with a small byte-level tokenizer.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "llm/convert/model_directory.h"
#include "llm/io/atomic_file.h"
#include "llm/io/json.h"
#include "llm/text/bpe_trainer.h"
#include "support/tiny_model.h"

namespace llm::test {

inline constexpr const char* kSampleText =
    "the cat sat on the mat and the cat ate the rat that sat on the mat; "
    "고양이가 매트 위에 앉았다. 고양이가 쥐를 먹었다.\n";

inline std::shared_ptr<const text::Tokenizer> tiny_tokenizer(int64_t vocab_size = 280) {
  text::BpeTrainer trainer({.vocab_size = vocab_size, .reserved = {}, .min_frequency = 1});
  trainer.add_text(kSampleText);
  return trainer.train();
}

// tiny_config with room for tiny_tokenizer's ids.
inline arch::ModelConfig tiny_text_config(
    arch::Architecture architecture = arch::Architecture::kLlama, bool tied = true) {
  arch::ModelConfig config = tiny_config(architecture, tied);
  config.vocab_size = 288;
  return config;
}

inline void save_tiny_model(const std::filesystem::path& directory, const arch::ModelConfig& config,
                            const text::Tokenizer* tokenizer = nullptr,
                            const convert::SaveOptions& options = {}, uint64_t seed = 1) {
  const TinyModel tiny = make_tiny_model(config, seed);
  convert::save_model(directory, config, *tiny.store, tokenizer, {}, "", options);
}

// Changes one key of a JSON file.
inline void patch_json(const std::filesystem::path& file, const std::string& key,
                       const io::OrderedJson& value) {
  io::OrderedJson json = io::read_ordered_json_file(file);
  json[key] = value;
  io::write_file_atomically(file, json.dump(2));
}

}  // namespace llm::test
