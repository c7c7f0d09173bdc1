#include "llm/text/gguf_tokenizer.h"

#include "convert/gguf_metadata.h"

namespace llm::convert {

std::shared_ptr<const text::Tokenizer> read_gguf_tokenizer(const io::GgufFile& file) {
  const text::GgufVocabulary vocabulary = text::read_gguf_vocabulary(file);
  if (vocabulary.model.empty()) return nullptr;
  return text::tokenizer_from_gguf(vocabulary, file.path().string());
}

std::vector<std::string> add_gguf_tokenizer(const ModelSource& source, io::GgufMetadata& metadata) {
  if (!source.tokenizer) return {"the model has no tokenizer: llama.cpp needs one"};
  auto made = text::gguf_vocabulary_of(*source.tokenizer, source.config.vocab_size);
  made.vocabulary.chat_template = source.chat_template;
  text::write_gguf_vocabulary(made.vocabulary, metadata);
  return made.warnings;
}

}  // namespace llm::convert
