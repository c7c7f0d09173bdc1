// Python's two ways to format: "%s" % args and "{}".format(args).
#pragma once

#include "text/jinja/interpreter.h"

namespace llm::text::jinja {

// `args`: positional ones, or names for %(name)s. A single dict among the positional ones also
// serves the names. Throws: RenderFailure.
Text format_percent(Interpreter& interpreter, const Text& format, const Args& args);
Text format_braces(Interpreter& interpreter, const Text& format, const Args& args);

// How one value is laid out.
struct FormatSpec {
  Text fill = Text(" ");
  char align = 0;  // < > ^ =; 0: by type
  char sign = '-';
  bool is_alternate = false;
  bool has_comma = false;
  int64_t width = 0;
  int64_t precision = -1;  // -1: the type's own
  char type = 0;
};

Text format_number(Interpreter& interpreter, const Value& value, const FormatSpec& spec);
Text format_text(Interpreter& interpreter, const Text& text, const FormatSpec& spec);

}  // namespace llm::text::jinja
