// Python's string operations on text with origins. Positions are bytes.
#pragma once

#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "text/jinja/origin_text.h"

namespace llm::text::jinja {

enum class Side { kLeft, kRight, kBoth };

// Without the white space, or the characters of `characters`, at its ends.
Text strip(const Text& text, Side side, const std::optional<std::string_view>& characters = {});
// `max_splits` < 0: no limit. Without a separator white space of any length separates, and none at
// the ends. Requires: a separator that is not empty.
std::vector<Text> split(const Text& text, const std::optional<std::string_view>& separator,
                        int64_t max_splits, Budget& budget);
std::vector<Text> split_from_right(const Text& text,
                                   const std::optional<std::string_view>& separator,
                                   int64_t max_splits, Budget& budget);
std::vector<Text> split_lines(const Text& text, bool keeps_ends, Budget& budget);
// `max_count` < 0: all of them.
Text replace(const Text& text, std::string_view old, const Text& by, int64_t max_count,
             Budget& budget);
Text join(const Text& separator, const std::vector<Text>& parts, Budget& budget);
Text capitalized(const Text& text);
Text swapped_case(const Text& text);
// Every word's first letter in title case: str.title.
Text titled(const Text& text);
// HTML's five characters as entities.
Text escaped_html(const Text& text, Budget& budget);

}  // namespace llm::text::jinja
