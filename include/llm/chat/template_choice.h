// Chat templates as a person names them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "llm/text/chat_template.h"
#include "llm/text/tokenizer.h"

namespace llm::chat {

// `jinja` is the model's own template, "" when it has none; `origin` its name in messages, ""
// where it is not known (text::template_origin). Throws: FormatError for a text that is no
// template.
std::optional<text::ChatTemplate> own_template(const std::string& jinja,
                                               const text::Tokenizer& tokenizer,
                                               const std::string& origin = "");

// text::find_template with the tokenizer's tokens. Throws: as that.
text::ChatTemplate choose_template(const std::string& name_or_file,
                                   const text::Tokenizer& tokenizer);

// What ends a reply under this template: its end marker, as a token where the tokenizer has it as a
// special one, else as text; without a marker the text that opens the next user's turn. Empty where
// the template does not say.
struct TemplateStops {
  std::vector<int32_t> ids;
  std::vector<std::string> strings;
};
TemplateStops template_stops(const text::ChatTemplate& chat_template,
                             const text::Tokenizer& tokenizer);

// "chatml", "FILE", "FILE (chatml)", "the model's own".
std::string template_title(const text::ChatTemplate& chat_template);

}  // namespace llm::chat
