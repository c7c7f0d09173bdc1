// The files beside tokenizer.json that say what its tokens are for: tokenizer_config.json,
// chat_template.jinja, generation_config.json.
#pragma once

#include <filesystem>
#include <string>

#include "llm/io/json.h"
#include "text/tokenizer_spec.h"

namespace llm::text {

// Fills spec.roles from the files that are there, and adds the tokens of added_tokens_decoder that
// tokenizer.json lacks. Of a SentencePiece model, add_bos_token and add_eos_token say what
// EncodeOptions::add_special adds. Without any word on EOS, a special <|endoftext|> is taken for
// it. Throws: FormatError, IoError.
void read_token_roles(const std::filesystem::path& directory, TokenizerSpec& spec);

// Whether save() wrote the folder from a SentencePiece model, so that tokenizer.model is the exact
// one of the two files. Throws: FormatError, IoError.
bool prefers_sentencepiece(const std::filesystem::path& directory);

// The content of tokenizer_config.json.
std::string write_tokenizer_config(const TokenizerSpec& spec);

}  // namespace llm::text
