// Oracle: an invariant. Messages are Cyrillic and templates Latin, so every letter of the output
// shows by itself where it comes from, whatever was done to it.
#include <gtest/gtest.h>

#include "text/jinja/interpreter.h"
#include "text/jinja/json_values.h"
#include "text/jinja/parser.h"
#include "text/jinja/unicode.h"

namespace llm::text::jinja {
namespace {

constexpr const char* kMessage = "  жук  Ёлка\nмир, <ЖЖ>\tщи ";

// Appends what `expression` gives, in every position that an expression can have.
Rendering render_expression(const std::string& expression) {
  const std::string source =
      "{% macro q(x) %}lit{{ x }}{% endmacro %}{% set v = " + expression +
      " %}a{{ v }}b{{ q(v) }}{% set w %}c{{ v }}{% endset %}{{ w ~ 'd' }}{% filter lower %}E{{ v }}"
      "{% endfilter %}{{ [v, 'f'] }}{{ {'g': v} }}{{ [v]|tojson }}{{ {'k': v}|tojson(indent=2) }}"
      "{{ '%s|%5s' % (v, v) }}{{ '{:>9}{}'.format(v|string, v) }}{{ [v, 'h']|join('i') }}";
  const std::string name = "test";
  const TemplateTree tree = parse_template(source, name);
  Variables variables;
  variables.emplace_back("m", value_of_json(kMessage, 1));
  Interpreter interpreter(name, {});
  return interpreter.run(tree, std::move(variables));
}

TEST(JinjaOrigins, SurviveEveryOperation) {
  const char* expressions[] = {"m",
                               "m|trim",
                               "m.strip()",
                               "m|upper",
                               "m|lower",
                               "m|title",
                               "m|capitalize",
                               "m.title()",
                               "m.swapcase()",
                               "m.casefold()",
                               "m[3:]",
                               "m[::-1]",
                               "m[2]",
                               "m|reverse",
                               "m.split()",
                               "m.split('у')",
                               "m.rsplit(None, 1)",
                               "m.splitlines()",
                               "m.partition(',')",
                               "m|list",
                               "m.replace('жук', 'bug')",
                               "m|replace('ж', 'zh')",
                               "m|replace('', 'x')",
                               "'xyz'.replace('y', m)",
                               "m|join('-')",
                               "'-'.join(m.split())",
                               "m ~ 'x' ~ m",
                               "m + 'x'",
                               "m * 2",
                               "m|indent(2, true)",
                               "m|truncate(12, true)",
                               "m|center(40)",
                               "m.center(40, 'x')",
                               "m.ljust(40, 'x')",
                               "m.zfill(40)",
                               "m.expandtabs()",
                               "m|e",
                               "m|string",
                               "m|tojson",
                               "[m]|string",
                               "[m, 'x']|first",
                               "[m]|map('upper')|list",
                               "m.split()|sort",
                               "m.split()|unique|list",
                               "m|batch(3)|list",
                               "{'x': m}.items()|list",
                               "{m: 'x'}",
                               "(m, 'x')",
                               "m if m else 'x'",
                               "m or 'x'",
                               "m.removeprefix('  ')",
                               "m.lstrip(' ж')",
                               "namespace(x=m).x",
                               "dict(x=m)",
                               "m|default('x')",
                               "'%-30s' % m",
                               "'%.3s' % m",
                               "'{0[0]}{0}'.format(m)",
                               "'{:*^40}'.format(m)",
                               "m.format()",
                               "m|format",
                               "m.split()|groupby('0')",
                               "m[2] ~ m|last",
                               "cycler(m, 'x').next()"};
  for (const char* expression : expressions) {
    const Text text = render_expression(expression).text;
    size_t letters = 0;
    for (size_t at = 0; at < text.size();) {
      const Character c = character_at(text.bytes(), at);
      const bool is_message = c.code >= 0x400 && c.code < 0x500;
      // A line end of the message may be written as an escape.
      const bool is_escape = at > 0 && text.bytes()[at - 1] == '\\';
      const bool is_template = c.code < 0x80 && is_letter(c.code) && !is_escape;
      letters += is_message;
      if (is_message || (is_template && std::string_view(expression) != "m|e")) {
        EXPECT_EQ(text.origin_at(at), is_message ? 1 : 0)
            << expression << " at " << at << " of " << text.bytes();
      }
      at = c.end;
    }
    EXPECT_GT(letters, 0u) << expression;
  }
}

TEST(JinjaOrigins, AnEmptyMessageKeepsItsPlace) {
  const std::string name = "test";
  const TemplateTree tree = parse_template("a{{ m|trim }}b{{ 'c' + m + 'd' }}", name);
  Variables variables;
  variables.emplace_back("m", value_of_json("", 1));
  Interpreter interpreter(name, {});
  const Text text = interpreter.run(tree, std::move(variables)).text;
  EXPECT_EQ(text.bytes(), "abcd");
  EXPECT_EQ(std::ranges::count(text.pieces(), 1, &Piece::origin), 2);
}

}  // namespace
}  // namespace llm::text::jinja
