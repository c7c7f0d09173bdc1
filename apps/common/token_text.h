// A token as people can read it.
#pragma once

#include <cstdint>
#include <string>

#include "llm/text/tokenizer.h"

namespace llm::apps {

// The bytes of one token in quotes, with what is no printable text as \xNN.
std::string shown_token(const text::Tokenizer& tokenizer, int32_t id);

// "-" means the standard input.
std::string input_path(const std::string& argument);

}  // namespace llm::apps
