#include "convert/gguf_source.h"

#include <algorithm>
#include <array>
#include <fstream>

#include "convert/gguf_metadata.h"
#include "convert/gguf_weights.h"
#include "llm/arch/gguf.h"

namespace llm::convert {

bool is_gguf(const std::filesystem::path& file) {
  std::array<char, 4> magic{};
  std::ifstream(file, std::ios::binary).read(magic.data(), magic.size());
  return std::string_view(magic.data(), magic.size()) == "GGUF";
}

ModelSource open_gguf(const std::filesystem::path& file, const OpenOptions& options) {
  io::GgufModel model(file);
  const io::GgufFile& metadata = model.metadata();
  ModelSource source;
  source.path = file;
  source.format = ModelFormat::kGguf;
  source.config = arch::config_from_gguf(model, options.rope_scaling);
  source.tokenizer = read_gguf_tokenizer(metadata);
  source.generation = read_gguf_generation(metadata, source.config, options);
  if (const io::GgufValue* text = metadata.find("tokenizer.chat_template"))
    source.chat_template = text->as_string();
  source.weights = std::make_unique<GgufWeights>(std::move(model), source.config);
  return source;
}

}  // namespace llm::convert
