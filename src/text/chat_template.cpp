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
  if (trimmed(jinja) == kChatmlJinja) return "chatml";
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
