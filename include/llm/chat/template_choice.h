// Chat templates as a person names them.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "llm/text/chat_template.h"
#include "llm/text/tokenizer.h"

namespace llm::chat {

// `jinja` is the model's own template, "" when it has none. Throws: FormatError for a text that is
// no template.
std::optional<text::ChatTemplate> own_template(const std::string& jinja,
                                               const text::Tokenizer& tokenizer);

// A Jinja file, or one of text::named_templates(). Throws: ConfigError for what is neither,
// FormatError for a text that is no template, IoError for a file that cannot be read.
text::ChatTemplate choose_template(const std::string& name_or_file,
                                   const text::Tokenizer& tokenizer);

// "chatml", "the model's own", "FILE".
std::string template_title(const text::ChatTemplate& chat_template);

}  // namespace llm::chat
