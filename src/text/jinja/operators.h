// Arithmetic, indexing and iteration, as Python does them.
#pragma once

#include <optional>
#include <string>

#include "text/jinja/interpreter.h"

namespace llm::text::jinja {

// + - * / // % **
Value binary(Interpreter& interpreter, const std::string& what, const Value& a, const Value& b);
Value negate(const Value& value);
// `value in container`.
bool contains(Interpreter& interpreter, const Value& container, const Value& value);
// value[begin:end:step], absent ones None.
Value slice(Interpreter& interpreter, const Value& value, const Value& begin, const Value& end,
            const Value& step);
// len(value). Throws: RenderFailure for what has no length.
int64_t length(const Value& value);
// Python's whole-number division and remainder: towards minus infinity.
int64_t floor_divide(int64_t a, int64_t b);
int64_t floor_modulo(int64_t a, int64_t b);

}  // namespace llm::text::jinja
