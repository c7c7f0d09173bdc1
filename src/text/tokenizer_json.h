// Hugging Face `tokenizer.json` <-> TokenizerSpec, for byte-level BPE.
#pragma once

#include <string>
#include <string_view>

#include "text/tokenizer_spec.h"

namespace llm::text {

// Largest id a vocabulary may hold; a larger one in a file is an error, not an allocation.
inline constexpr int64_t kMaxTokenId = (1 << 24) - 1;

// Roles are left empty: they live in other files. Throws: FormatError naming `where` and the part
// that is wrong or not supported (Unigram, WordPiece, Metaspace, ...).
TokenizerSpec parse_tokenizer_json(std::string_view text, const std::string& where);
std::string write_tokenizer_json(const TokenizerSpec& spec);

}  // namespace llm::text
