// Oracle: jinja2 as `transformers` sets it up, over thousands of small templates
// (scripts/goldens/make_templates.py).
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "llm/core/error.h"
#include "llm/io/json.h"
#include "support/error_text.h"
#include "support/paths.h"
#include "text/jinja/interpreter.h"
#include "text/jinja/json_values.h"
#include "text/jinja/parser.h"

namespace llm::text::jinja {
namespace {

std::string run_jinja(const std::string& source, const io::OrderedJson& variables,
                      const Limits& limits = {}) {
  const std::string name = "test.jinja";
  const TemplateTree tree = parse_template(source, name);
  Variables values;
  for (const auto& [key, value] : variables.items())
    values.emplace_back(key, value_of_json(value, 1));
  Interpreter interpreter(name, limits);
  return interpreter.run(tree, std::move(values)).text.bytes();
}

TEST(JinjaLanguage, RendersWhatJinja2Renders) {
  const io::OrderedJson golden =
      io::read_ordered_json_file(test::source_dir() / "tests/golden/templates/language.json");
  ASSERT_GT(golden["cases"].size(), 5000u);
  for (const io::OrderedJson& one : golden["cases"]) {
    const std::string source = one[0];
    std::optional<std::string> got;
    std::string error;
    try {
      got = run_jinja(source, golden["variables"]);
    } catch (const core::Error& problem) {
      error = problem.what();
      EXPECT_FALSE(problem.info().where.empty());
    }
    if (one[1].is_null()) {
      EXPECT_FALSE(got) << source << "\n gives " << got.value_or("");
    } else {
      EXPECT_EQ(got, one[1].get<std::string>()) << source << "\n" << error;
    }
  }
}

TEST(JinjaLanguage, ErrorsNameTheLine) {
  const auto error = [](const std::string& source) {
    return test::error_text<core::DataError>([&] { run_jinja(source, {}); });
  };
  EXPECT_EQ(error("a\n\n{{ raise_exception('No ' ~ 5) }}"), "test.jinja:3: No 5");
  EXPECT_EQ(error("{% if true %}\n{{ a.b }}\n{% endif %}"), "test.jinja:2: 'a' is undefined");
  EXPECT_EQ(test::error_text<core::FormatError>([] { run_jinja("\n{% foo %}", {}); }),
            "test.jinja:2: unknown tag 'foo'");
}

// Each would run for ever, or fill the memory, or overflow the stack.
TEST(JinjaLanguage, BombsEndInAnError) {
  const auto many = [](const std::string& text, int count) {
    std::string out;
    for (int i = 0; i < count; ++i) out += text;
    return out;
  };
  Limits limits;
  limits.max_steps = 200'000;
  limits.max_work_bytes = size_t{1} << 26;
  const std::string loops = many("{% for i in range(90000) %}", 9) + many("{% endfor %}", 9);
  const std::string sources[] = {
      loops,
      "{{ range(10**9) }}",
      "{{ 'x' * 10**12 }}",
      "{{ [0] * 10**12 }}",
      "{{ 'x'.center(10**12) }}",
      "{{ '%99999999999d' % 1 }}",
      "{{ '{:999999999}'.format(1) }}",
      "{{ 'a'|indent(10**12, true) }}",
      "{{ [1]|batch(10**12, 0)|list }}",
      "{{ [1]|slice(10**12)|list }}",
      "{% set n = namespace(x='aaaaaaaa') %}{% for i in range(99) %}{% set n.x = n.x + n.x %}"
      "{% endfor %}",
      "{% set n = namespace(x='aa') %}{% for i in range(99) %}{% set n.x = n.x.replace('', n.x) %}"
      "{% endfor %}",
      "{% set n = namespace(x=[1]) %}{% for i in range(999) %}{% set n.x = [n.x] %}{% endfor %}",
      "{% set n = namespace(x=[1]) %}{% for i in range(90) %}{% set n.x = [n.x, n.x] %}{% endfor %}"
      "{{ n.x }}",
      "{% set n = namespace(x=[1]) %}{% for i in range(90) %}{% set n.x = [n.x, n.x] %}{% endfor %}"
      "{{ n.x == n.x[:] }}{{ n.x|tojson }}",
      "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
      "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
      many("{{ (", 1) + many("(", 9999) + "1",
      "{{ " + many("-", 9999) + "1 }}",
      "{{ " + many("not ", 9999) + "1 }}",
      "{{ 1" + many(" + 1", 99999) + " }}",
      "{{ a" + many(".b", 99999) + " }}",
      "{{ a" + many("|e", 99999) + " }}",
      "{{ " + many("[", 9999) + "1",
      "{{ 1" + many(" if 1 else 1", 9999) + " }}",
      many("{% if 1 %}", 9999),
      "{% set n = namespace() %}{% set n.n = n %}{% for i in range(99999) %}"
      "{% set m = namespace(n=n) %}{% set n = m %}{% endfor %}" +
          loops,
  };
  for (const std::string& source : sources)
    EXPECT_THROW(run_jinja(source, {}, limits), core::Error) << source.substr(0, 200);
}

TEST(JinjaLanguage, LimitsAreNamed) {
  const auto error = [](const std::string& source) {
    return test::error_text<core::DataError>([&] { run_jinja(source, {}); });
  };
  EXPECT_EQ(error("{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"),
            "test.jinja:1: the template does not end within 10000000 steps");
  for (const char* source :
       {"{{ 'a' * 10**11 }}", "{{ 'a'.center(10**11) }}", "{{ 'abc' * (9 * 10**18) }}"})
    EXPECT_EQ(error(source), "test.jinja:1: a text grows beyond 16.0 MiB") << source;
  EXPECT_EQ(error("{{ [0] * 10**11 }}"),
            "test.jinja:1: the template needs more than 1.0 GiB of memory");
  EXPECT_EQ(run_jinja("{{ ('a' * 12000000)|length }}", {}), "12000000");
}

TEST(JinjaLanguage, NamespacesMayHoldOneAnother) {
  EXPECT_EQ(
      run_jinja("{% set n = namespace() %}{% set n.n = n %}{% set n.m = [n] %}{{ n.n.n.m|length }}"
                "{% macro m() %}{{ n }}{% endmacro %}{% set n.f = m %}",
                {}),
      "1");
}

}  // namespace
}  // namespace llm::text::jinja
