// String literals of templates: Python's escapes.
#pragma once

#include <string>
#include <string_view>

namespace llm::text::jinja {

// The characters between the quotes, escapes resolved. `problem` says why that is impossible.
std::string unescape(std::string_view literal, std::string& problem);

}  // namespace llm::text::jinja
