// The ids a conversation becomes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "llm/text/chat_template.h"
#include "llm/text/tokenizer.h"

namespace llm::chat {

struct Turn {
  text::ChatMessage message;
  // An assistant's content as the model drew it; empty: encode the content. Text may have many
  // encodings, and only the drawn one is what the KV cache holds.
  std::vector<int32_t> drawn_ids;
};

// The turns in their template, with the opening of an assistant turn.
std::vector<int32_t> encode_turns(const text::Tokenizer& tokenizer,
                                  const text::ChatTemplate& chat_template,
                                  const std::vector<Turn>& turns);

// Text to be continued, with what the tokenizer puts in front of a text. Throws: DataError when
// that is nothing at all.
std::vector<int32_t> encode_completion(const text::Tokenizer& tokenizer, const std::string& text);

}  // namespace llm::chat
