// What the template engine is held to under arbitrary templates: a typed exception (core::Error)
// with a place, or UTF-8 text whose every byte has an origin. Shared by jinja_fuzz and
// tests/property/text.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "llm/core/error.h"
#include "llm/io/json.h"
#include "llm/text/utf8.h"
#include "text/jinja/interpreter.h"
#include "text/jinja/json_values.h"
#include "text/jinja/parser.h"

namespace llm::fuzz {

inline constexpr const char* kJinjaMessages =
    R"([{"role": "user", "content": " Hi <|im_end|> \u00e9\n"}, {"role": "assistant", "content": "",)"
    R"( "tool_calls": [{"function": {"name": "f", "arguments": {"a": [1, 2.5, null, true]}}}]}])";

// Whether the template ran.
inline bool jinja_template(std::string_view source) {
  namespace jinja = text::jinja;
  if (text::find_invalid_utf8(source) != source.npos) return false;
  const std::string name = "fuzz";
  jinja::Limits limits;
  limits.max_steps = 20'000;
  limits.max_output_bytes = size_t{1} << 18;
  limits.max_work_bytes = size_t{1} << 24;
  try {
    const jinja::TemplateTree tree = jinja::parse_template(source, name);
    jinja::Variables variables;
    variables.emplace_back(
        "messages", jinja::value_of_json(io::parse_ordered_json(kJinjaMessages, "messages"), 1));
    variables.emplace_back("add_generation_prompt", true);
    jinja::Interpreter interpreter(name, limits);
    const jinja::Text out = interpreter.run(tree, std::move(variables)).text;
    if (text::find_invalid_utf8(out.bytes()) != std::string::npos)
      throw std::logic_error("text that is not UTF-8");
    const size_t covered = out.pieces().empty() ? 0 : out.pieces().back().end;
    if (covered != out.size()) throw std::logic_error("text without an origin");
    return true;
  } catch (const core::Error& error) {
    if (error.info().where.empty()) throw std::logic_error("an error without a place");
    return false;
  }
}

}  // namespace llm::fuzz
