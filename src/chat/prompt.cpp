#include "chat/prompt.h"

#include <algorithm>
#include <span>

#include "llm/core/error.h"

namespace llm::chat {

namespace {

using Segments = std::span<const text::Segment>;

void append(std::vector<int32_t>& ids, const std::vector<int32_t>& more) {
  ids.insert(ids.end(), more.begin(), more.end());
}

// What an assistant wrote: its content, then the template's end marker.
void append_reply(const text::Tokenizer& tokenizer, Segments run,
                  const std::vector<int32_t>& drawn_ids, std::vector<int32_t>& ids) {
  if (!drawn_ids.empty()) {
    append(ids, drawn_ids);
    while (!run.empty() && !run.front().is_template) run = run.subspan(1);
  }
  append(ids, text::encode_segments(tokenizer, run).ids);
}

std::vector<const Turn*> assistant_turns(const std::vector<Turn>& turns) {
  std::vector<const Turn*> found;
  for (const Turn& turn : turns) {
    if (turn.message.role == "assistant") found.push_back(&turn);
  }
  return found;
}

}  // namespace

std::vector<int32_t> encode_turns(const text::Tokenizer& tokenizer,
                                  const std::string& template_name,
                                  const std::vector<Turn>& turns) {
  std::vector<text::ChatMessage> messages;
  for (const Turn& turn : turns) messages.push_back(turn.message);
  const auto segments = text::render_named_template(template_name, messages, true);
  const auto replies = assistant_turns(turns);
  std::vector<int32_t> ids;
  size_t reply = 0;
  // encode_segments cuts the text where `trainable` changes, so these runs can be encoded alone.
  for (size_t begin = 0, end = 0; begin < segments.size(); begin = end) {
    const bool trainable = segments[begin].trainable;
    while (end < segments.size() && segments[end].trainable == trainable) ++end;
    const Segments run = Segments(segments).subspan(begin, end - begin);
    if (trainable) {
      append_reply(tokenizer, run, replies.at(reply++)->drawn_ids, ids);
    } else {
      append(ids, text::encode_segments(tokenizer, run).ids);
    }
  }
  return ids;
}

std::vector<int32_t> encode_completion(const text::Tokenizer& tokenizer, const std::string& text) {
  std::vector<int32_t> ids = tokenizer.encode(text, {.parse_special = false, .add_special = true});
  // A text that ends cannot be continued.
  while (!ids.empty() && tokenizer.eos_id() == ids.back() && tokenizer.bos_id() != ids.back()) {
    ids.pop_back();
  }
  if (!ids.empty()) return ids;
  const auto start = tokenizer.bos_id() ? tokenizer.bos_id() : tokenizer.eos_id();
  if (start) return {*start};
  throw core::DataError({"prompt", "at least one token", "an empty text",
                         "This model has no token that begins a text; give it some words"});
}

}  // namespace llm::chat
