// U+2581 (LOWER ONE EIGHTH BLOCK), by which SentencePiece writes a space.
#pragma once

#include <string>
#include <string_view>

namespace llm::text {

inline constexpr std::string_view kSpaceMark = "\xE2\x96\x81";

// `text` with every `from` replaced by `to`. Requires: `from` is not empty.
std::string replace_all(std::string_view text, std::string_view from, std::string_view to);

}  // namespace llm::text
