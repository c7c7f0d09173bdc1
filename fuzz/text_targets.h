// What the parsers of tokenizer.json and tokenizer.model are held to under arbitrary bytes: a typed
// exception (core::Error) or a tokenizer that encodes, decodes and writes itself. Shared by
// tokenizer_json_fuzz, sentencepiece_fuzz and tests/property/text.
#pragma once

#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include "llm/core/error.h"
#include "text/pipeline_tokenizer.h"
#include "text/sentencepiece_spec.h"
#include "text/tokenizer_json.h"

namespace llm::fuzz {

inline bool tokenizer_json(std::string_view bytes) {
  constexpr std::string_view kText = "Hello  it's 42 \xea\xb0\x80\n<|im_end|> <pad> x";
  std::unique_ptr<text::PipelineTokenizer> tokenizer;
  std::string written;
  try {
    text::TokenizerSpec spec = text::parse_tokenizer_json(bytes, "fuzz");
    written = text::write_tokenizer_json(spec);
    tokenizer = std::make_unique<text::PipelineTokenizer>(std::move(spec));
  } catch (const core::Error& error) {
    if (error.info().where.empty()) throw std::logic_error("an error without a place");
    return false;
  }
  try {
    const auto ids = tokenizer->encode(kText, {.parse_special = true, .add_special = true});
    tokenizer->decode(ids);
    const text::PipelineTokenizer again(text::parse_tokenizer_json(written, "again"));
    if (again.encode(kText, {.parse_special = true, .add_special = true}) != ids)
      throw std::logic_error("a tokenizer that does not survive writing");
  } catch (const core::DataError&) {  // a pattern that needs more memory than a match may take
  }
  return true;
}

inline bool sentencepiece(std::string_view bytes) {
  constexpr std::string_view kText = "Hello  it's 42 \u3042\n<s> <sep>\uff21e\u0301 \U0001f600 ";
  std::unique_ptr<text::PipelineTokenizer> tokenizer;
  try {
    tokenizer = std::make_unique<text::PipelineTokenizer>(
        text::sentencepiece_spec(text::parse_sentencepiece(bytes, "fuzz"), "fuzz"));
  } catch (const core::Error& error) {
    if (error.info().where.empty()) throw std::logic_error("an error without a place");
    return false;
  }
  const auto ids = tokenizer->encode(kText, {.parse_special = true, .add_special = true});
  tokenizer->decode(ids);
  tokenizer->normalize(kText);
  const std::string written =
      text::write_sentencepiece(text::sentencepiece_model_of(tokenizer->spec()));
  const text::PipelineTokenizer again(
      text::sentencepiece_spec(text::parse_sentencepiece(written, "again"), "again"));
  if (again.encode(kText, {.parse_special = true, .add_special = true}) != ids)
    throw std::logic_error("a model that does not survive writing");
  text::parse_tokenizer_json(text::write_tokenizer_json(tokenizer->spec()), "json");
  return true;
}

}  // namespace llm::fuzz
