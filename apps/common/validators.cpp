#include "common/validators.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <map>
#include <optional>
#include <string>

#include "llm/core/config.h"
#include "llm/text/utf8.h"

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

CLI::Validator one_of(std::vector<std::string> names) {
  const auto check = [names = std::move(names)](std::string& text) -> std::string {
    if (std::ranges::find(names, text) != names.end()) return "";
    const std::string expected = names.size() == 2
                                     ? names[0] + " or " + names[1]
                                     : fmt::format("one of {}", fmt::join(names, ", "));
    const std::string near = core::nearest_name(text, names);
    return refusal(expected, text) + (near.empty() ? "" : ". Did you mean " + near + "?");
  };
  return CLI::Validator(check, "");
}

CLI::Validator valid_utf8() {
  const auto check = [](std::string& text) -> std::string {
    const size_t at = text::find_invalid_utf8(text);
    if (at == std::string::npos) return "";
    const auto byte = static_cast<unsigned char>(text[at]);
    return refusal("valid UTF-8", fmt::format("byte 0x{:02X} at byte {}", byte, at + 1));
  };
  return CLI::Validator(check, "");
}

CLI::Validator byte_size() {
  const auto convert = [](std::string& text) -> std::string {
    static const std::map<std::string, double> kUnits = {
        {"", 1},      {"b", 1},      {"kb", 1e3},      {"mb", 1e6},     {"gb", 1e9},
        {"tb", 1e12}, {"kib", 1024}, {"mib", 1 << 20}, {"gib", 1 << 30}};
    double number = 0;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    std::string unit(stop, end);
    for (char& letter : unit) letter = static_cast<char>(std::tolower(letter));
    const auto found = kUnits.find(unit);
    const double bytes = found == kUnits.end() ? 0 : number * found->second;
    if (error != std::errc() || !(bytes >= 1 && bytes < 1e18))
      return refusal("a size such as 5GB or 500MiB", text);
    text = fmt::to_string(static_cast<uint64_t>(bytes));
    return "";
  };
  return CLI::Validator(convert, "");
}

}  // namespace llm::apps
