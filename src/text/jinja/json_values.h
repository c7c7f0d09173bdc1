// JSON to values of the template language, and back as Python's json.dumps writes it.
#pragma once

#include <optional>

#include "llm/io/json.h"
#include "text/jinja/value.h"

namespace llm::text::jinja {

// Every string, list and dict in it has this origin. Throws: RenderFailure for JSON nested deeper
// than kMaxContainerDepth and for whole numbers beyond 64 bits.
Value value_of_json(const io::OrderedJson& json, OriginId origin);

struct JsonStyle {
  bool is_ascii = false;              // \uXXXX for everything else
  std::optional<std::string> indent;  // of one level; none: all on one line
  std::string item_separator = ", ";
  std::string key_separator = ": ";
  bool sorts_keys = false;
};

// Throws: RenderFailure for a value that JSON does not have.
Text to_json(const Value& value, const JsonStyle& style, Budget& budget);

}  // namespace llm::text::jinja
