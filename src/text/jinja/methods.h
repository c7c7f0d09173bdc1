// Methods of strings, lists, tuples and dicts.
#pragma once

#include <string>
#include <string_view>

#include "text/jinja/interpreter.h"

namespace llm::text::jinja {

enum class MethodKind { kNone, kSafe, kForbidden };
// Whether the value has a method of this name. Those that would change the value are forbidden.
MethodKind method_kind(const Value& value, std::string_view name);
// Requires: a safe method of the value.
Value call_method(Interpreter& interpreter, const Value& self, const std::string& name,
                  const Args& args);

Value call_string_method(Interpreter& interpreter, const Value& self, const std::string& name,
                         const Args& args);
bool has_string_method(std::string_view name);

}  // namespace llm::text::jinja
