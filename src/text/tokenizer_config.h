// The files beside tokenizer.json that say what its tokens are for: tokenizer_config.json,
// chat_template.jinja, generation_config.json.
#pragma once

#include <filesystem>
#include <string>

#include "llm/io/json.h"
#include "text/tokenizer_spec.h"

namespace llm::text {

// Fills spec.roles from the files that are there, and adds the tokens of added_tokens_decoder that
// tokenizer.json lacks. Without any word on EOS, a special <|endoftext|> is taken for it.
// Throws: FormatError, IoError.
void read_token_roles(const std::filesystem::path& directory, TokenizerSpec& spec);

// The content of tokenizer_config.json.
std::string write_tokenizer_config(const TokenizerSpec& spec);

}  // namespace llm::text
