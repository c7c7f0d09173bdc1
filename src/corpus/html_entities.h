// Character references of HTML ("&amp;", "&#8212;", "&#x2014;").
#pragma once

#include <string>
#include <string_view>

namespace llm::corpus {

// Appends what the reference at the front of `text` stands for and returns its length; where there
// is none, or its name is unknown, appends "&" and returns 1. Requires: text starts with '&'.
size_t append_character_reference(std::string& out, std::string_view text);

}  // namespace llm::corpus
