// The model of a `tokenizer.json`: BPE or Unigram.
#pragma once

#include <string>

#include "text/json_fields.h"
#include "text/model_rules.h"

namespace llm::text {

// Largest id a vocabulary may hold; a larger one in a file is an error, not an allocation.
inline constexpr int64_t kMaxTokenId = (1 << 24) - 1;

// Throws: FormatError for what is no id.
int32_t token_id(const JsonField& json);
// "BPE" or "Unigram". Throws: FormatError naming another type.
std::string model_type(const JsonField& model);
// `byte_level`: the vocabulary is written in byte-level characters. Throws: FormatError.
AnyRules read_model(const JsonField& model, bool byte_level);
// The JSON text, indented as the member of a top-level object.
std::string write_model(const AnyRules& rules);

}  // namespace llm::text
