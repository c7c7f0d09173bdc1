// Text that says nothing: ASCII white space alone.
#pragma once

#include <string_view>

namespace llm::corpus {

inline bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n\f\v") == std::string_view::npos;
}

}  // namespace llm::corpus
