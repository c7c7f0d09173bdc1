// What a tokenizer is, as plain values: readers fill it, the trainer makes it, PipelineTokenizer
// runs it and the writers store it.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "llm/text/tokenizer.h"
#include "text/decoder.h"
#include "text/model_rules.h"
#include "text/normalizer.h"
#include "text/pre_tokenizer.h"

namespace llm::text {

// GPT-2's end of a document, which most byte-level vocabularies took over.
inline constexpr const char* kEndOfText = "<|endoftext|>";

// tokenizer_config.json: the roles of tokens, and everything else as it was read.
struct TokenRoles {
  std::optional<std::string> bos;
  std::optional<std::string> eos;
  std::optional<std::string> pad;
  std::optional<std::string> unk;
  std::vector<int32_t> generation_eos;  // of generation_config.json
  std::string chat_template;            // Jinja; "": none
  nlohmann::ordered_json rest = nlohmann::ordered_json::object();
};

struct TokenizerSpec {
  std::string where;  // the file, for messages
  std::vector<NormalizerStep> normalizer;
  std::vector<PreTokenizerStep> pre_tokenizer;
  AnyRules model;
  std::vector<DecoderStep> decoder;
  std::vector<AddedToken> added_tokens;  // ascending ids
  std::vector<int32_t> prefix_ids;       // what EncodeOptions::add_special puts before the text
  std::vector<int32_t> suffix_ids;       // ... and after it
  TokenRoles roles;

  const ModelRules& rules() const { return common_rules(model); }
  ModelRules& rules() { return common_rules(model); }
  bool is_sentencepiece() const { return rules().is_sentencepiece(); }
  // Words reach the model as bytes: the last pre-tokenizer is ByteLevel.
  bool is_byte_level() const {
    return !pre_tokenizer.empty() &&
           pre_tokenizer.back().kind == PreTokenizerStep::Kind::kByteLevel;
  }
};

}  // namespace llm::text
