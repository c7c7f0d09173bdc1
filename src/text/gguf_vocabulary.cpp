// The keys tokenizer.ggml.* and tokenizer.chat_template of a GGUF file.
#include "llm/text/gguf_tokenizer.h"

namespace llm::text {
namespace {

std::string key_of(const char* name) { return std::string("tokenizer.ggml.") + name; }

std::string text_or_empty(const io::GgufFile& file, const char* name) {
  const io::GgufValue* value = file.find(key_of(name));
  return value ? std::string(value->as_string()) : "";
}

std::vector<std::string> texts_or_empty(const io::GgufFile& file, const char* name) {
  const io::GgufValue* value = file.find(key_of(name));
  if (!value) return {};
  const std::vector<std::string_view> views = value->as_strings();
  return {views.begin(), views.end()};
}

void read_id(const io::GgufFile& file, const char* name, std::optional<int32_t>& id) {
  if (const io::GgufValue* value = file.find(key_of(name)))
    id = static_cast<int32_t>(value->as_int());
}

void read_flag(const io::GgufFile& file, const char* name, std::optional<bool>& flag) {
  if (const io::GgufValue* value = file.find(key_of(name))) flag = value->as_bool();
}

// An array of u8 or i8.
std::string read_charsmap(const io::GgufFile& file) {
  const io::GgufValue* value = file.find(key_of("precompiled_charsmap"));
  if (!value) return "";
  std::string bytes;
  for (const int64_t byte : value->as_ints()) bytes.push_back(static_cast<char>(byte));
  return bytes;
}

template <class T>
void set_optional(io::GgufMetadata& metadata, const char* name, const std::optional<T>& value) {
  if (value) metadata.set(key_of(name), *value);
}

void set_id(io::GgufMetadata& metadata, const char* name, const std::optional<int32_t>& id) {
  if (id) metadata.set(key_of(name), static_cast<uint32_t>(*id));
}

}  // namespace

GgufVocabulary read_gguf_vocabulary(const io::GgufFile& file) {
  GgufVocabulary vocabulary;
  vocabulary.model = text_or_empty(file, "model");
  vocabulary.pre = text_or_empty(file, "pre");
  vocabulary.tokens = texts_or_empty(file, "tokens");
  vocabulary.merges = texts_or_empty(file, "merges");
  if (const io::GgufValue* scores = file.find(key_of("scores")))
    vocabulary.scores = scores->as_floats();
  if (const io::GgufValue* types = file.find(key_of("token_type"))) {
    for (const int64_t type : types->as_ints())
      vocabulary.token_types.push_back(static_cast<int32_t>(type));
  }
  read_id(file, "bos_token_id", vocabulary.bos_id);
  read_id(file, "eos_token_id", vocabulary.eos_id);
  read_id(file, "eot_token_id", vocabulary.eot_id);
  read_id(file, "eom_token_id", vocabulary.eom_id);
  read_id(file, "unknown_token_id", vocabulary.unk_id);
  read_id(file, "padding_token_id", vocabulary.pad_id);
  read_flag(file, "add_bos_token", vocabulary.add_bos);
  read_flag(file, "add_eos_token", vocabulary.add_eos);
  read_flag(file, "add_space_prefix", vocabulary.add_space_prefix);
  read_flag(file, "remove_extra_whitespaces", vocabulary.remove_extra_whitespaces);
  vocabulary.precompiled_charsmap = read_charsmap(file);
  if (const io::GgufValue* text = file.find("tokenizer.chat_template"))
    vocabulary.chat_template = text->as_string();
  return vocabulary;
}

void write_gguf_vocabulary(const GgufVocabulary& vocabulary, io::GgufMetadata& metadata) {
  metadata.set(key_of("model"), vocabulary.model);
  if (!vocabulary.pre.empty()) metadata.set(key_of("pre"), vocabulary.pre);
  metadata.set(key_of("tokens"), vocabulary.tokens);
  if (!vocabulary.scores.empty()) metadata.set(key_of("scores"), vocabulary.scores);
  if (!vocabulary.token_types.empty()) metadata.set(key_of("token_type"), vocabulary.token_types);
  if (!vocabulary.merges.empty()) metadata.set(key_of("merges"), vocabulary.merges);
  set_id(metadata, "bos_token_id", vocabulary.bos_id);
  set_id(metadata, "eos_token_id", vocabulary.eos_id);
  set_id(metadata, "eot_token_id", vocabulary.eot_id);
  set_id(metadata, "eom_token_id", vocabulary.eom_id);
  set_id(metadata, "unknown_token_id", vocabulary.unk_id);
  set_id(metadata, "padding_token_id", vocabulary.pad_id);
  set_optional(metadata, "add_bos_token", vocabulary.add_bos);
  set_optional(metadata, "add_eos_token", vocabulary.add_eos);
  set_optional(metadata, "add_space_prefix", vocabulary.add_space_prefix);
  set_optional(metadata, "remove_extra_whitespaces", vocabulary.remove_extra_whitespaces);
  if (!vocabulary.precompiled_charsmap.empty()) {
    const std::string& map = vocabulary.precompiled_charsmap;
    metadata.set(key_of("precompiled_charsmap"), std::vector<uint8_t>(map.begin(), map.end()));
  }
  if (!vocabulary.chat_template.empty())
    metadata.set("tokenizer.chat_template", vocabulary.chat_template);
}

}  // namespace llm::text
