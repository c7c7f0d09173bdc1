#include "llm/chat/template_choice.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "llm/core/config.h"
#include "llm/core/error.h"
#include "llm/io/file.h"

namespace llm::chat {

namespace {

constexpr const char* kOwnTemplate = "the model's own";

}  // namespace

std::optional<text::ChatTemplate> own_template(const std::string& jinja,
                                               const text::Tokenizer& tokenizer) {
  if (jinja.empty()) return std::nullopt;
  return text::ChatTemplate::from_jinja(jinja, text::template_tokens(tokenizer), kOwnTemplate);
}

text::ChatTemplate choose_template(const std::string& name_or_file,
                                   const text::Tokenizer& tokenizer) {
  const auto names = text::named_templates();
  if (std::ranges::find(names, name_or_file) != names.end())
    return text::ChatTemplate::named(name_or_file, text::template_tokens(tokenizer));
  std::error_code unused;
  if (std::filesystem::exists(name_or_file, unused))
    return text::ChatTemplate::from_jinja(io::read_file(name_or_file),
                                          text::template_tokens(tokenizer), name_or_file);
  const std::string near = core::nearest_name(name_or_file, names);
  throw core::ConfigError(
      {"chat template", fmt::format("a Jinja file, or one of {}", fmt::join(names, ", ")),
       "'" + name_or_file + "'", near.empty() ? "" : fmt::format("Did you mean {}?", near)});
}

std::string template_title(const text::ChatTemplate& chat_template) {
  const auto known = text::matches_named_template(chat_template.jinja());
  if (!known || chat_template.name() == *known) return chat_template.name();
  return fmt::format("{} ({})", chat_template.name(), *known);
}

}  // namespace llm::chat
