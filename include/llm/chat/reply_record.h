// A reply as a line of JSON for programs, and as a line of text for people.
#pragma once

#include <string>

#include "llm/chat/chat_session.h"
#include "llm/io/json.h"

namespace llm::chat {

// {"reply", "ids", "prompt_tokens", "cached_tokens", "tokens", "stop_reason", "tokens_per_second",
// "prompt_tokens_per_second", "prefill_seconds", "decode_seconds", "seed", "dropped_messages",
// "context_tokens", "context_length", "mode"}; docs/chat.md says what they mean.
io::OrderedJson reply_record(const Reply& reply, const ChatSession& session);

// "21 tokens, 35.2 tokens/s, first token after 0.42 s, prompt 34 (cached 12)".
std::string reply_summary(const generate::Generation& generation);

// 1234567 -> "1,234,567".
std::string grouped(int64_t number);

}  // namespace llm::chat
