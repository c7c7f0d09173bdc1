// Hugging Face `tokenizer.json` <-> TokenizerSpec.
#pragma once

#include <string>
#include <string_view>

#include "text/model_json.h"
#include "text/tokenizer_spec.h"

namespace llm::text {

// Roles are left empty: they live in other files. Throws: FormatError naming `where` and the part
// that is wrong or not supported (WordPiece, BertNormalizer, ...).
TokenizerSpec parse_tokenizer_json(std::string_view text, const std::string& where);
// A SentencePiece model is written as text/sentencepiece_spec.h says.
std::string write_tokenizer_json(const TokenizerSpec& spec);

}  // namespace llm::text
