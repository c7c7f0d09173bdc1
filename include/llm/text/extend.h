// More tokens for a tokenizer: markers of a chat format, of tools, of a domain. Ids that it has
// stay what they are, so a model keeps its rows and gets new ones behind them.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "llm/text/tokenizer.h"

namespace llm::text {

struct TokenExtension {
  std::vector<std::string> special;  // become their id only where templates write them
  std::vector<std::string> plain;    // become their id wherever a text has them
  // Jinja text; unset: as it was.
  std::optional<std::string> chat_template;
};

// New ids follow the largest, special tokens first, in the order given. A token that is there
// already as an added token of the same kind stays as it is. Requires: made by load_tokenizer or a
// trainer. Throws: ConfigError for an empty token, one given twice, or one that the tokenizer has
// in another role.
std::shared_ptr<const Tokenizer> extend_tokenizer(const Tokenizer& base,
                                                  const TokenExtension& extension);

// Whether every id of `base` means the same in `extended`, which may have more.
bool is_extension_of(const Tokenizer& extended, const Tokenizer& base);

}  // namespace llm::text
