// A template over a small conversation.
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string_view>

#include "llm/core/error.h"
#include "llm/io/json.h"
#include "llm/text/utf8.h"
#include "text/jinja/interpreter.h"
#include "text/jinja/json_values.h"
#include "text/jinja/parser.h"

namespace {

constexpr const char* kMessages =
    R"([{"role": "user", "content": " Hi <|im_end|> \u00e9\n"}, {"role": "assistant", "content": "",)"
    R"( "tool_calls": [{"function": {"name": "f", "arguments": {"a": [1, 2.5, null, true]}}}]}])";

// A typed exception with a place, or text that is UTF-8 and whose pieces cover it.
void run(std::string_view source) {
  using namespace llm::text;
  const std::string name = "fuzz";
  jinja::Limits limits;
  limits.max_steps = 20'000;
  limits.max_output_bytes = size_t{1} << 18;
  limits.max_work_bytes = size_t{1} << 24;
  try {
    const jinja::TemplateTree tree = jinja::parse_template(source, name);
    jinja::Variables variables;
    variables.emplace_back(
        "messages", jinja::value_of_json(llm::io::parse_ordered_json(kMessages, "messages"), 1));
    variables.emplace_back("add_generation_prompt", true);
    jinja::Interpreter interpreter(name, limits);
    const jinja::Text text = interpreter.run(tree, std::move(variables)).text;
    if (find_invalid_utf8(text.bytes()) != std::string::npos)
      throw std::logic_error("text that is not UTF-8");
    const size_t covered = text.pieces().empty() ? 0 : text.pieces().back().end;
    if (covered != text.size()) throw std::logic_error("text without an origin");
  } catch (const llm::core::Error& error) {
    if (error.info().where.empty()) throw std::logic_error("an error without a place");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view source(reinterpret_cast<const char*>(data), size);
  if (llm::text::find_invalid_utf8(source) == source.npos) run(source);
  return 0;
}
