#include "llm/text/chat_template.h"

#include <algorithm>
#include <array>

#include "llm/core/error.h"

namespace llm::text {
namespace {

constexpr std::array<std::string_view, 4> kRoles = {"system", "user", "assistant", "tool"};

constexpr const char* kChatmlJinja =
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
bool is_word(char c) {
  return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// Length of the string literal at the front of `text`, quotes included.
size_t literal_length(std::string_view text) {
  for (size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == text[0]) {
      return i + 1;
    }
  }
  return text.size();
}

// Appends the tag at the front of `text`, up to and with its end mark, without the white space that
// separates nothing; returns the tag's length.
size_t append_tag(std::string& out, std::string_view text) {
  const std::string_view end_mark = text[1] == '{' ? "}}" : "%}";
  size_t at = 2;
  out += text.substr(0, at);
  while (at < text.size() && !text.substr(at).starts_with(end_mark)) {
    if (text[at] == '\'' || text[at] == '"') {
      const size_t length = literal_length(text.substr(at));
      out += text.substr(at, length);
      at += length;
    } else if (is_space(text[at])) {
      while (at < text.size() && is_space(text[at])) ++at;
      if (is_word(out.back()) && at < text.size() && is_word(text[at])) out += ' ';
    } else {
      out += text[at++];
    }
  }
  const std::string_view end = text.substr(at, end_mark.size());
  out += end;
  return at + end.size();
}

// One spelling for templates that differ in white space inside {{ }} and {% %} alone, where it
// means nothing outside string literals.
std::string without_inner_space(std::string_view jinja) {
  std::string out;
  while (!jinja.empty()) {
    const bool is_tag = jinja.starts_with("{{") || jinja.starts_with("{%");
    const size_t length = is_tag ? append_tag(out, jinja) : 1;
    if (!is_tag) out += jinja[0];
    jinja.remove_prefix(length);
  }
  return out;
}

void check_name(const std::string& name) {
  if (name != "chatml") throw core::ConfigError({"chat template", "chatml", "'" + name + "'", ""});
}

void append_chatml(const ChatMessage& message, std::vector<Segment>& out) {
  if (std::ranges::find(kRoles, message.role) == kRoles.end())
    throw core::DataError({"chat message", "a role out of system, user, assistant, tool",
                           "'" + message.role + "'", ""});
  const bool trainable = message.role == "assistant";
  out.push_back({"<|im_start|>" + message.role + "\n", true, message.role, false});
  out.push_back({message.content, false, message.role, trainable});
  out.push_back({"<|im_end|>", true, message.role, trainable});
  out.push_back({"\n", true, message.role, false});
}

}  // namespace

std::vector<Segment> render_named_template(const std::string& name,
                                           std::span<const ChatMessage> messages,
                                           bool add_generation_prompt) {
  check_name(name);
  std::vector<Segment> out;
  for (const ChatMessage& message : messages) append_chatml(message, out);
  if (add_generation_prompt) out.push_back({"<|im_start|>assistant\n", true, "assistant", false});
  return out;
}

std::string joined_text(std::span<const Segment> segments) {
  std::string out;
  for (const Segment& segment : segments) out += segment.text;
  return out;
}

const std::string& jinja_of(const std::string& name) {
  static const std::string chatml = kChatmlJinja;
  check_name(name);
  return chatml;
}

std::optional<std::string> matches_named_template(std::string_view jinja) {
  static const std::string chatml = without_inner_space(kChatmlJinja);
  if (without_inner_space(trimmed(jinja)) == chatml) return "chatml";
  return std::nullopt;
}

EncodedSegments encode_segments(const Tokenizer& tokenizer, std::span<const Segment> segments) {
  EncodedSegments out;
  std::vector<TextPart> run;
  for (size_t i = 0; i < segments.size(); ++i) {
    run.push_back({segments[i].text, segments[i].is_template});
    const bool trainable = segments[i].trainable;
    if (i + 1 < segments.size() && segments[i + 1].trainable == trainable) continue;
    const std::vector<int32_t> ids = tokenizer.encode_parts(run);
    out.ids.insert(out.ids.end(), ids.begin(), ids.end());
    out.trainable.insert(out.trainable.end(), ids.size(), trainable);
    run.clear();
  }
  return out;
}

}  // namespace llm::text
