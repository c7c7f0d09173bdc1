// The tables of filters and tests. A filter takes the value in front of | and its arguments.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "text/jinja/interpreter.h"

namespace llm::text::jinja {

using Filter = Value (*)(Interpreter&, const Value&, const Args&);
using FilterTable = std::unordered_map<std::string_view, Filter>;

const FilterTable& text_filters();
const FilterTable& sequence_filters();
const FilterTable& selection_filters();
const FilterTable& number_filters();

bool has_filter(const std::string& name);
bool has_test(const std::string& name);

// One step of "a.b.0": an attribute's name or an index.
using AttributePath = std::vector<Value>;
// Of the `attribute` argument; empty for None.
AttributePath attribute_path(const Value& attribute);
Value follow(Interpreter& interpreter, Value item, const AttributePath& path);
// What jinja2 sorts and compares by: strings without their case, unless it counts.
Value sort_key(const Value& value, bool is_case_sensitive);

}  // namespace llm::text::jinja
