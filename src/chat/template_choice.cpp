#include "llm/chat/template_choice.h"

#include <fmt/format.h>

namespace llm::chat {

namespace {

constexpr const char* kOwnTemplate = "the model's own";

}  // namespace

std::optional<text::ChatTemplate> own_template(const std::string& jinja,
                                               const text::Tokenizer& tokenizer,
                                               const std::string& origin) {
  if (jinja.empty()) return std::nullopt;
  return text::ChatTemplate::from_jinja(jinja, text::template_tokens(tokenizer),
                                        origin.empty() ? kOwnTemplate : origin);
}

text::ChatTemplate choose_template(const std::string& name_or_file,
                                   const text::Tokenizer& tokenizer) {
  return text::find_template(name_or_file, text::template_tokens(tokenizer));
}

std::string template_title(const text::ChatTemplate& chat_template) {
  const auto known = text::matches_named_template(chat_template.jinja());
  if (!known || chat_template.name() == *known) return chat_template.name();
  return fmt::format("{} ({})", chat_template.name(), *known);
}

}  // namespace llm::chat
