// Conversations as segments of text that remember whether they come from the template or from a
// message, and their ids with a loss mask.
//
// Only template text may become special ids, so nothing a user writes can end a turn or start one
// (design section 1.9). The named template "chatml" writes each message as
//   <|im_start|>ROLE\nCONTENT<|im_end|>\n
// An assistant's CONTENT and the <|im_end|> behind it are trainable.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "llm/text/tokenizer.h"

namespace llm::text {

struct ChatMessage {
  std::string role;  // "system", "user", "assistant" or "tool"
  std::string content;
};

struct Segment {
  std::string text;
  bool is_template = false;  // special tokens in it become their ids
  std::string role;          // of the message it belongs to; "" outside messages
  bool trainable = false;    // part of what the model shall learn to write
};

// The conversation in the template `name`, and with add_generation_prompt the opening of an
// assistant turn. No system message is added. Throws: ConfigError for an unknown name; DataError
// for a role the template does not know.
std::vector<Segment> render_named_template(const std::string& name,
                                           std::span<const ChatMessage> messages,
                                           bool add_generation_prompt = false);
// The whole text of segments.
std::string joined_text(std::span<const Segment> segments);

// The Jinja text we write for a named template. Throws: ConfigError for an unknown name.
const std::string& jinja_of(const std::string& name);
// The named template whose Jinja text this is; white space at both ends does not count, nor inside
// {{ }} and {% %} outside string literals. Templates are compared, not run: one that adds a default
// system prompt, say, is not known.
std::optional<std::string> matches_named_template(std::string_view jinja);

struct EncodedSegments {
  std::vector<int32_t> ids;
  std::vector<bool> trainable;  // one per id
};

// Neighbouring segments that are both trainable, or both not, are encoded as one text, so the ids
// are those of the whole text; at a change the text is cut, so that what is trained follows exactly
// the ids of a generation prompt. Requires: valid UTF-8.
EncodedSegments encode_segments(const Tokenizer& tokenizer, std::span<const Segment> segments);

}  // namespace llm::text
