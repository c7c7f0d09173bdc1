#include <ATen/ATen.h>

#include "convert/model_files.h"
#include "llm/convert/conversion.h"
#include "llm/convert/model_directory.h"
#include "llm/io/file_operations.h"

namespace llm::convert {
namespace {

namespace fs = std::filesystem;

// The source's own files byte for byte where they are Hugging Face's, so that no key of them is
// lost; else the tokenizer in that form.
void write_tokenizer(const ModelSource& source, const fs::path& out) {
  if (!source.tokenizer) return;
  if (source.tokenizer_files.empty()) return source.tokenizer->save(out);
  copy_tokenizer_files(source.tokenizer_files, out);
}

}  // namespace

void write_hugging_face(const ModelSource& source, const fs::path& out,
                        const HuggingFaceOptions& options) {
  const std::vector<arch::ParameterSpec> specs = arch::parameter_specs(source.config);
  const SaveOptions save{
      .dtype = options.dtype ? *options.dtype : widest_dtype(*source.weights, specs),
      .max_shard_bytes = options.max_shard_bytes};
  io::make_directories(out);
  write_model_config(out, source.config, save.dtype);
  write_tokenizer(source, out);
  write_generation_files(out, source.generation, source.chat_template);
  write_weights(
      out, specs, [&](const arch::ParameterSpec& spec) { return source.weights->read(spec.name); },
      save);
}

}  // namespace llm::convert
