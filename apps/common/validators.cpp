#include "common/validators.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <string>

namespace llm::apps {
namespace {

// The number that is the whole of `text`; nothing when it is none.
template <class Number>
std::optional<Number> parse_number(const std::string& text) {
  Number value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  return error == std::errc() && stop == end ? std::optional(value) : std::nullopt;
}

std::string refusal(const std::string& expected, const std::string& got) {
  return fmt::format("expected {}, got {}", expected, got.empty() ? "\"\"" : got);
}

}  // namespace

CLI::Validator whole_number(int64_t least, int64_t most) {
  const bool has_most = most != std::numeric_limits<int64_t>::max();
  const std::string expected = has_most ? fmt::format("a whole number from {} to {}", least, most)
                                        : fmt::format("a whole number of at least {}", least);
  const auto check = [least, most, expected](std::string& text) -> std::string {
    const auto value = parse_number<int64_t>(text);
    return value && *value >= least && *value <= most ? "" : refusal(expected, text);
  };
  return CLI::Validator(check, "");
}

CLI::Validator number_above(double low) {
  const auto check = [low](std::string& text) -> std::string {
    const auto value = parse_number<double>(text);
    return value && *value > low ? "" : refusal(fmt::format("a number above {}", low), text);
  };
  return CLI::Validator(check, "");
}

}  // namespace llm::apps
