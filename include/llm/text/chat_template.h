// Conversations as segments of text that remember whether they come from the template or from a
// message, and their ids with a loss mask.
//
// A template is Jinja text as models ship it (jinja2 3.1 as `transformers` runs it: trim_blocks,
// lstrip_blocks, loop controls, {% generation %}, an immutable sandbox), or one of the named ones
// below. Only template text may become special ids, so nothing a user writes can end a turn or
// start one (docs/design.md section 1.9). A message's role counts as template text when it is one
// of the roles that conversations have, for templates build markers from it.
//
// What the model shall learn to write (`trainable`) is, for every template:
// - what {% generation %} blocks enclose, when the template has any; else
// - of each assistant message its content, reasoning and tool calls with the template text between
//   them; before them the template text behind the generation prompt, when the template opens the
//   turn with just that prompt; and behind them the end marker: the first stop token in the
//   template text of this turn, or else its first special token.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "llm/io/json.h"
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
  int message = -1;          // index of that message
  std::string field = {};    // of a message, or the variable, that it is: "content"; "": template
};

// The tokens that a template may write, as text.
struct TemplateTokens {
  // Template variables: bos_token, eos_token, ...
  std::vector<std::pair<std::string, std::string>> variables;
  std::vector<std::string> stop;     // those that end a turn
  std::vector<std::string> special;  // all special tokens
};
TemplateTokens template_tokens(const Tokenizer& tokenizer);

struct RenderRequest {
  // A list of objects with "role" and, as templates ask for them, "content" (text, or a list of
  // parts), "tool_calls", "reasoning_content", and anything else. As in `transformers`, fields that
  // are null are left out, and a "thinking" or "reasoning" is "reasoning_content", too.
  io::OrderedJson messages;
  io::OrderedJson tools = nullptr;  // a list of JSON schemas
  // Further variables of the template: enable_thinking, documents, ...
  io::OrderedJson variables = io::OrderedJson::object();
  bool add_generation_prompt = false;
};

// Immutable; const members may be called from many threads at once. Cheap to copy.
class ChatTemplate {
 public:
  // `name` is for messages: a file, or "chat template". Throws: FormatError with name:line for a
  // text that is no template.
  static ChatTemplate from_jinja(std::string jinja, TemplateTokens tokens = {},
                                 std::string name = "chat template");
  // One of named_templates(), written by native code. Tokens it needs and that are not there count
  // as empty. A content may also be a list of parts of type text, which are joined. Throws:
  // ConfigError for another name.
  static ChatTemplate named(const std::string& name, TemplateTokens tokens = {});

  // Throws: DataError with the place when the template raises an exception or fails, when it does
  // not end or grows without end, and for messages that are no messages.
  std::vector<Segment> render(const RenderRequest& request) const;
  std::vector<Segment> render(std::span<const ChatMessage> messages,
                              bool add_generation_prompt = false) const;

  const std::string& name() const;
  const std::string& jinja() const;  // of a named one the text of jinja_of

 private:
  struct Impl;
  explicit ChatTemplate(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<const Impl> impl_;
};

// chatml, llama2, llama3, mistral, zephyr, alpaca, plain.
std::vector<std::string> named_templates();
// The Jinja text we write for a named template. Throws: ConfigError for an unknown name.
const std::string& jinja_of(const std::string& name);
// The named template whose Jinja text this is, but for white space at both ends.
std::optional<std::string> matches_named_template(std::string_view jinja);

// The named template, or else the one in the Jinja file, that a person asks for. Throws:
// ConfigError for what is neither, FormatError for a text that is no template, IoError for a file
// that cannot be read.
ChatTemplate find_template(const std::string& name_or_file, TemplateTokens tokens);
// Where the chat template stands that load_tokenizer(path) or a model there brings, for messages:
// "DIR/chat_template.jinja", "DIR/tokenizer_config.json: chat_template",
// "X.gguf: tokenizer.chat_template"; "" when it is none of these. Throws: as load_tokenizer.
std::string template_origin(const std::filesystem::path& path);

// The whole text of segments.
std::string joined_text(std::span<const Segment> segments);

struct EncodedSegments {
  std::vector<int32_t> ids;
  std::vector<bool> trainable;  // one per id
};

// Neighbouring segments that are both trainable, or both not, are encoded as one text, so the ids
// are those of the whole text; at a change the text is cut, so that what is trained follows exactly
// the ids of a generation prompt. Requires: valid UTF-8.
EncodedSegments encode_segments(const Tokenizer& tokenizer, std::span<const Segment> segments);

}  // namespace llm::text
