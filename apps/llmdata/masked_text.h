// Token ids as text that shows which of them are trained and which are special.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "llm/text/tokenizer.h"

namespace llm::apps {

enum class MaskStyle {
  kColour,   // trained text green, special tokens bright
  kBrackets  // trained text between U+27E6 and U+27E7
};
// Colour where standard output is a terminal, unless NO_COLOR is set (no-color.org).
MaskStyle default_mask_style();

// Control characters but line ends and tabs become \xNN, bytes that are no UTF-8 U+FFFD.
std::string masked_text(const text::Tokenizer& tokenizer, std::span<const int32_t> ids,
                        const std::vector<bool>& trained, MaskStyle style);

}  // namespace llm::apps
