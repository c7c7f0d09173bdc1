#include "llm/convert/model_source.h"

#include <fmt/format.h>

#include "convert/adapter_source.h"
#include "convert/gguf_source.h"
#include "convert/llama2c_source.h"
#include "convert/model_files.h"
#include "llm/convert/lora_adapter.h"
#include "llm/convert/model_directory.h"
#include "llm/core/error.h"
#include "llm/io/file.h"

namespace llm::convert {
namespace {

namespace fs = std::filesystem;

ModelSource open_directory(const fs::path& path, const OpenOptions& options) {
  ModelSource source;
  source.path = resolve_model_directory(path);
  if (is_adapter_directory(source.path)) return open_adapter(source.path, options);
  source.config = read_directory_config(source.path, options);
  if (options.need_tokenizer || has_tokenizer(source.path))
    source.tokenizer = text::load_tokenizer(source.path);
  if (fs::exists(source.path / "tokenizer.json")) source.tokenizer_files = source.path;
  source.generation = read_hints(source.path, source.config, options);
  source.chat_template = read_chat_template(source.path);
  source.weights = std::make_unique<WeightFiles>(source.path);
  return source;
}

ModelSource open_any(const fs::path& path, const OpenOptions& options) {
  constexpr const char* kExpected = "a model or adapter directory, a GGUF file or llama2.c's .bin";
  if (!fs::is_regular_file(path)) return open_directory(path, options);
  if (fs::is_empty(path)) throw io::empty_file(path, kExpected);
  if (is_gguf(path)) return open_gguf(path, options);
  if (path.extension() == ".bin") return open_llama2c(path);
  throw core::FormatError({.where = path.string(),
                           .expected = kExpected,
                           .got = "another file",
                           .hint = "Weights alone are no model: name the directory they lie in."});
}

class WatchedWeights : public WeightSource {
 public:
  WatchedWeights(std::unique_ptr<WeightSource> weights,
                 std::function<void(const std::string&)> on_read)
      : weights_(std::move(weights)), on_read_(std::move(on_read)) {}

  std::string where() const override { return weights_->where(); }
  const std::map<std::string, StoredTensor>& tensors() const override {
    return weights_->tensors();
  }
  at::Tensor read(const std::string& name) const override {
    on_read_(name);
    return weights_->read(name);
  }
  at::Tensor read_rows(const std::string& name, int64_t first, int64_t count) const override {
    on_read_(name);
    return weights_->read_rows(name, first, count);
  }
  uint64_t file_bytes() const override { return weights_->file_bytes(); }

 private:
  std::unique_ptr<WeightSource> weights_;
  std::function<void(const std::string&)> on_read_;
};

}  // namespace

const char* format_name(ModelFormat format) {
  switch (format) {
    case ModelFormat::kHuggingFace:
      return "Hugging Face directory";
    case ModelFormat::kGguf:
      return "GGUF";
    case ModelFormat::kLlama2c:
      return "llama2.c";
    case ModelFormat::kAdapter:
      return "LoRA adapter";
  }
  return "?";
}

ModelSource open_model(const fs::path& path, const OpenOptions& options) {
  ModelSource source = open_any(path, options);
  if (source.tokenizer && source.tokenizer->vocab_size() > source.config.vocab_size) {
    throw core::FormatError(
        {.where = source.path.string() + ": vocab_size",
         .expected = fmt::format("at least the tokenizer's {} ids", source.tokenizer->vocab_size()),
         .got = fmt::format("{}", source.config.vocab_size),
         .hint = "Model and tokenizer do not belong together; give the tokenizer the model was "
                 "trained with."});
  }
  if (options.on_read)
    source.weights = std::make_unique<WatchedWeights>(std::move(source.weights), options.on_read);
  return source;
}

}  // namespace llm::convert
