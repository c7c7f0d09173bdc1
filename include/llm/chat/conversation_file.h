// Conversations as JSON files:
//   {"messages": [{"role": "system", "content": "..."}, {"role": "user", "content": "..."}, ...],
//    "settings": {"temperature": 0.8, ..., "stop": []}}
// "settings" holds the fields of ChatSettings. Read is more than is written: a bare list of
// messages; a "system" text beside "messages"; content as a list of {"type": "text", "text": ...}
// parts (they are joined); null as an empty content. Other keys are left alone.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "llm/chat/chat_session.h"

namespace llm::chat {

struct Conversation {
  std::vector<text::ChatMessage> messages;
  ChatSettings settings;
};

// Settings that the file does not name are those of `defaults`. Throws: IoError; FormatError with
// the file and the place ("talk.json: messages[2].role") for what is no conversation, and for tool
// calls and parts that are no text, which would be lost; ConfigError for a setting that is unknown
// or out of its range.
Conversation read_conversation(const std::filesystem::path& path, const ChatSettings& defaults);

// Whole or not at all. Of a conversation that is there other keys stay, as they are not ours to
// lose. Throws: IoError; DataError when there are no messages; ConfigError when the file is there
// and is no conversation.
void write_conversation(const std::filesystem::path& path, const Conversation& conversation);

Conversation conversation_of(const ChatSession& session);
// Throws: as set_messages and set_settings; the session then is as before.
void restore(Conversation conversation, ChatSession& session);

}  // namespace llm::chat
