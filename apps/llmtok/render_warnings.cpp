#include "llmtok/render_warnings.h"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <string_view>

#include "llm/core/config.h"

namespace llm::apps {
namespace {

bool is_word_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

bool names(std::string_view jinja, std::string_view word) {
  for (size_t at = jinja.find(word); at != jinja.npos; at = jinja.find(word, at + 1)) {
    const size_t end = at + word.size();
    const bool begins = at == 0 || !is_word_character(jinja[at - 1]);
    if (begins && (end == jinja.size() || !is_word_character(jinja[end]))) return true;
  }
  return false;
}

class Unshown {
 public:
  Unshown(const text::ChatTemplate& chat_template, const std::vector<text::Segment>& segments)
      : template_(chat_template), segments_(segments) {}

  // A template shows it under any of `fields`, the names that one thing goes by.
  bool is_shown(std::initializer_list<std::string_view> fields) const {
    return std::ranges::any_of(fields, [&](std::string_view field) {
      return names(template_.jinja(), field) ||
             std::ranges::any_of(segments_,
                                 [&](const text::Segment& one) { return one.field == field; });
    });
  }

  std::string sentence(const std::string& what, const std::string& hint = "") const {
    return fmt::format("the chat template ({}) does not show {}{}", template_.name(), what, hint);
  }

 private:
  const text::ChatTemplate& template_;
  const std::vector<text::Segment>& segments_;
};

bool any_message_has(const io::OrderedJson& messages, std::string_view field) {
  return std::ranges::any_of(messages, [&](const io::OrderedJson& message) {
    const auto found = message.find(field);
    return found != message.end() && !found->empty();
  });
}

std::string near_key(const std::string& key) {
  const std::string near =
      core::nearest_name(key, {"messages", "tools", "documents", "add_generation_prompt"});
  return near.empty() ? "" : fmt::format("; did you mean {}?", near);
}

}  // namespace

std::vector<std::string> unshown_parts(const text::ChatTemplate& chat_template,
                                       const text::RenderRequest& request,
                                       const std::vector<text::Segment>& segments) {
  const Unshown unshown(chat_template, segments);
  std::vector<std::string> out;
  for (const auto& [key, value] : request.variables.items())
    if (!unshown.is_shown({key}))
      out.push_back(unshown.sentence("the variable " + key, near_key(key)));
  if (!request.tools.empty() && !unshown.is_shown({"tools"}))
    out.push_back(unshown.sentence("the tools"));
  if (any_message_has(request.messages, "tool_calls") && !unshown.is_shown({"tool_calls"}))
    out.push_back(unshown.sentence("the tool_calls of messages"));
  for (const char* reasoning : {"reasoning_content", "thinking", "reasoning"})
    if (any_message_has(request.messages, reasoning) &&
        !unshown.is_shown({"reasoning_content", "thinking", reasoning}))
      out.push_back(unshown.sentence(fmt::format("the {} of messages", reasoning)));
  return out;
}

}  // namespace llm::apps
