#include <charconv>
#include <cmath>

#include "text/jinja/filters.h"
#include "text/jinja/operators.h"
#include "text/jinja/text_ops.h"

namespace llm::text::jinja {
namespace {

// Without white space around it and single _ between digits; nothing when it has other ones.
std::optional<std::string> plain_number(const Text& text) {
  const std::string stripped = strip(text, Side::kBoth).bytes();
  std::string out;
  for (size_t i = 0; i < stripped.size(); ++i) {
    if (stripped[i] != '_') {
      out += stripped[i];
      continue;
    }
    const auto is_alphanumeric_at = [&](size_t at) {
      return at < stripped.size() && std::isalnum(static_cast<unsigned char>(stripped[at])) != 0;
    };
    if (i == 0 || !is_alphanumeric_at(i - 1) || !is_alphanumeric_at(i + 1)) return std::nullopt;
  }
  return out;
}

std::optional<double> parse_float(const Text& text) {
  std::optional<std::string> plain = plain_number(text);
  if (!plain) return std::nullopt;
  std::string_view digits = *plain;
  if (digits.starts_with('+')) {
    digits.remove_prefix(1);
    if (digits.starts_with('-')) return std::nullopt;
  }
  double value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (digits.empty() || end != digits.data() + digits.size()) return std::nullopt;
  if (error == std::errc::result_out_of_range)
    return std::strtod(std::string(digits).c_str(), nullptr);
  if (error != std::errc()) return std::nullopt;
  return value;
}

std::optional<int64_t> parse_integer(const Text& text, int base) {
  std::optional<std::string> plain = plain_number(text);
  if (!plain) return std::nullopt;
  std::string digits = *plain;
  const bool is_negative = digits.starts_with('-');
  if (is_negative || digits.starts_with('+')) digits.erase(0, 1);
  const std::string prefix = digits.substr(0, 2);
  const bool has_prefix = (base == 16 && (prefix == "0x" || prefix == "0X")) ||
                          (base == 8 && (prefix == "0o" || prefix == "0O")) ||
                          (base == 2 && (prefix == "0b" || prefix == "0B"));
  if (has_prefix) digits.erase(0, 2);
  if (digits.empty() || digits[0] == '-') return std::nullopt;
  if (is_negative) digits.insert(0, "-");
  int64_t value = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  if (error == std::errc::result_out_of_range) throw RenderFailure("a whole number beyond 64 bits");
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

std::optional<int64_t> truncated(double value) {
  if (std::isnan(value) || std::isinf(value)) return std::nullopt;
  if (std::fabs(value) >= 9.2e18) throw RenderFailure("a whole number beyond 64 bits");
  return static_cast<int64_t>(value);
}

Value int_filter(Interpreter&, const Value& value, const Args& args) {
  const Bound bound("int", args, {"default", "base"});
  const int64_t base = bound.integer_or(1, 10);
  if (base < 2 || base > 36) throw RenderFailure("int: a base from 2 to 36");
  require_defined(value);
  std::optional<int64_t> found;
  if (value.is_integer()) return value.integer();
  if (value.is<double>()) found = truncated(value.number());
  if (value.is_string()) {
    found = parse_integer(value.text(), static_cast<int>(base));
    if (const auto number = parse_float(value.text()); !found && number) found = truncated(*number);
  }
  return found ? Value(*found) : bound.value_or(0, int64_t{0});
}

Value float_filter(Interpreter&, const Value& value, const Args& args) {
  const Bound bound("float", args, {"default"});
  require_defined(value);
  std::optional<double> found;
  if (value.is_number()) found = value.number();
  if (value.is_string()) found = parse_float(value.text());
  return found ? Value(*found) : bound.value_or(0, 0.0);
}

Value abs_filter(Interpreter&, const Value& value, const Args& args) {
  require_no_arguments("abs", args);
  require_defined(value);
  if (value.is<double>()) return std::fabs(value.number());
  if (!value.is_integer())
    throw RenderFailure(fmt::format("bad operand type for abs(): '{}'", type_name(value)));
  return value.integer() < 0 ? negate(value) : Value(value.integer());
}

// Half to even, as Python rounds whole numbers.
int64_t round_integer(int64_t value, int64_t digits) {
  if (digits >= 0) return value;
  if (digits < -18) return 0;
  int64_t unit = 1;
  for (int64_t i = 0; i > digits; --i) unit *= 10;
  const int64_t low = floor_divide(value, unit);
  const int64_t rest = value - low * unit;
  const bool goes_up = rest * 2 > unit || (rest * 2 == unit && low % 2 != 0);
  return (low + (goes_up ? 1 : 0)) * unit;
}

double round_float(double value, int64_t digits) {
  if (!std::isfinite(value)) return value;
  if (digits >= 0)
    return digits > 300 ? value
                        : std::strtod(fmt::format("{:.{}f}", value, digits).c_str(), nullptr);
  if (digits < -308) return 0.0;
  const double unit = std::pow(10.0, static_cast<double>(-digits));
  return std::nearbyint(value / unit) * unit;
}

Value round_filter(Interpreter&, const Value& value, const Args& args) {
  const Bound bound("round", args, {"precision", "method"});
  require_defined(value);
  if (!value.is_number())
    throw RenderFailure(fmt::format("type {} cannot be rounded", type_name(value)));
  const int64_t digits = bound.integer_or(0, 0);
  const std::string method = bound.has(1) ? bound.text(1).bytes() : "common";
  if (method == "common") {
    if (value.is_integer()) return round_integer(value.integer(), digits);
    return round_float(value.number(), digits);
  }
  if (method != "ceil" && method != "floor")
    throw RenderFailure("method must be common, ceil or floor");
  const double unit = std::pow(10.0, static_cast<double>(digits));
  const double scaled = value.number() * unit;
  // Python rounds to a whole number here, which has no -0.
  return ((method == "ceil" ? std::ceil(scaled) : std::floor(scaled)) + 0.0) / unit;
}

}  // namespace

const FilterTable& number_filters() {
  static const FilterTable filters = {
      {"int", int_filter},
      {"float", float_filter},
      {"abs", abs_filter},
      {"round", round_filter},
  };
  return filters;
}

}  // namespace llm::text::jinja
