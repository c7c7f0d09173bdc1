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

bool is_content(const text::Segment& segment) { return segment.field == "content"; }

// Whether the template writes the turn's content whole, with no text of its own in front.
bool is_verbatim(Segments run, const Turn& turn) {
  std::string content;
  for (const text::Segment& segment : run)
    if (is_content(segment)) content += segment.text;
  const bool starts = content.empty() || is_content(run.front());
  return starts && content == turn.message.content;
}

// What an assistant wrote: its content, then the template's end marker. The drawn ids stand for the
// content as long as the template leaves it as it was drawn.
void append_reply(const text::Tokenizer& tokenizer, Segments run, const Turn& turn,
                  std::vector<int32_t>& ids) {
  if (!turn.drawn_ids.empty() && is_verbatim(run, turn)) {
    append(ids, turn.drawn_ids);
    while (!run.empty() && is_content(run.front())) run = run.subspan(1);
  }
  append(ids, text::encode_segments(tokenizer, run).ids);
}

}  // namespace

std::vector<int32_t> encode_turns(const text::Tokenizer& tokenizer,
                                  const text::ChatTemplate& chat_template,
                                  const std::vector<Turn>& turns) {
  std::vector<text::ChatMessage> messages;
  for (const Turn& turn : turns) messages.push_back(turn.message);
  const auto segments = chat_template.render(messages, true);
  std::vector<int32_t> ids;
  // encode_segments cuts the text where `trainable` changes, so these runs can be encoded alone.
  for (size_t begin = 0, end = 0; begin < segments.size(); begin = end) {
    const bool trainable = segments[begin].trainable;
    while (end < segments.size() && segments[end].trainable == trainable &&
           (!trainable || segments[end].message == segments[begin].message))
      ++end;
    const Segments run = Segments(segments).subspan(begin, end - begin);
    if (trainable && run.front().message >= 0) {
      append_reply(tokenizer, run, turns.at(static_cast<size_t>(run.front().message)), ids);
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
