#include "llm/chat/template_choice.h"

#include <fmt/format.h>

#include "llm/convert/turn_template.h"

namespace llm::chat {

namespace {

constexpr const char* kOwnTemplate = "the model's own";

std::string without_outer_space(const std::string& text) {
  constexpr const char* kSpace = " \t\r\n";
  const size_t begin = text.find_first_not_of(kSpace);
  return begin == std::string::npos ? ""
                                    : text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

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

TemplateStops template_stops(const text::ChatTemplate& chat_template,
                             const text::Tokenizer& tokenizer) {
  const auto turns = convert::find_turns(chat_template);
  if (!turns) return {};
  std::string end = without_outer_space(turns->after_assistant);
  if (end.empty()) end = without_outer_space(turns->before_user);
  if (end.empty()) return {};
  const auto ids_of = [&](bool parse_special) {
    const text::TextPart part{end, parse_special};
    return tokenizer.encode_parts({&part, 1});
  };
  const auto ids = ids_of(true);
  const bool is_special = ids != ids_of(false);
  return is_special ? TemplateStops{{ids.front()}, {}} : TemplateStops{{}, {std::move(end)}};
}

std::string template_title(const text::ChatTemplate& chat_template) {
  const auto known = text::matches_named_template(chat_template.jinja());
  if (!known || chat_template.name() == *known) return chat_template.name();
  return fmt::format("{} ({})", chat_template.name(), *known);
}

}  // namespace llm::chat
