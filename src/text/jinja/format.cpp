#include "text/jinja/format.h"

#include <cmath>

#include "text/jinja/objects.h"
#include "text/jinja/unicode.h"

#include "llm/text/utf8.h"

namespace llm::text::jinja {
namespace {

constexpr int64_t kMaxPrecision = 1000;

struct NumberText {
  bool is_negative = false;
  std::string prefix;
  std::string digits;
  std::string rest;  // point, fraction, exponent, %
};

std::string grouped(const std::string& digits, char separator) {
  std::string out;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) out += separator;
    out += digits[i];
  }
  return out;
}

std::string integer_digits(uint64_t magnitude, char type) {
  switch (type) {
    case 'x':
      return fmt::format("{:x}", magnitude);
    case 'X':
      return fmt::format("{:X}", magnitude);
    case 'o':
      return fmt::format("{:o}", magnitude);
    case 'b':
      return fmt::format("{:b}", magnitude);
    default:
      return std::to_string(magnitude);
  }
}

NumberText integer_text(int64_t value, const FormatSpec& spec) {
  NumberText out;
  out.is_negative = value < 0;
  const uint64_t magnitude =
      value < 0 ? ~static_cast<uint64_t>(value) + 1 : static_cast<uint64_t>(value);
  out.digits = integer_digits(magnitude, spec.type);
  const bool has_base =
      spec.type == 'x' || spec.type == 'X' || spec.type == 'o' || spec.type == 'b';
  if (spec.is_alternate && has_base) out.prefix = std::string("0") + spec.type;
  return out;
}

NumberText float_text(double value, const FormatSpec& spec) {
  NumberText out;
  out.is_negative = std::signbit(value) && !std::isnan(value);
  const double magnitude = std::fabs(value);
  std::string text;
  const int precision = static_cast<int>(spec.precision < 0 ? 6 : spec.precision);
  switch (spec.type) {
    case 'e':
      text = fmt::format("{:.{}e}", magnitude, precision);
      break;
    case 'E':
      text = fmt::format("{:.{}E}", magnitude, precision);
      break;
    case 'f':
    case 'F':
      text = fmt::format("{:.{}f}", magnitude, precision);
      break;
    case '%':
      text = fmt::format("{:.{}f}%", magnitude * 100, precision);
      break;
    case 'G':
      text = fmt::format("{:.{}G}", magnitude, precision);
      break;
    case 'g':
      text = fmt::format("{:.{}g}", magnitude, precision);
      break;
    default:
      text =
          spec.precision < 0 ? float_repr(magnitude) : fmt::format("{:.{}g}", magnitude, precision);
      if (spec.precision >= 0 && text.find_first_of(".en") == text.npos) text += ".0";
  }
  const size_t end = text.find_first_not_of("0123456789");
  out.digits = text.substr(0, end);
  if (end != text.npos) out.rest = text.substr(end);
  return out;
}

Text padded(Interpreter& interpreter, const Text& text, const FormatSpec& spec, char align) {
  const int64_t missing = spec.width - count_characters(text.bytes());
  if (missing <= 0) return text;
  const int64_t before = align == '>' ? missing : align == '^' ? missing / 2 : 0;
  TextBuilder out(interpreter.budget());
  out.repeat(spec.fill, before);
  out.add(text);
  out.repeat(spec.fill, missing - before);
  return out.take();
}

void check_precision(int64_t precision) {
  if (precision > kMaxPrecision)
    throw RenderFailure(fmt::format("a precision above {}", kMaxPrecision));
}

// Reads digits at `at`; -1 when there are none.
int64_t read_count(std::string_view text, size_t& at) {
  int64_t count = -1;
  for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) {
    count = std::max<int64_t>(count, 0) * 10 + (text[at] - '0');
    if (count > INT32_MAX) throw RenderFailure("a format of more than 2^31 characters");
  }
  return count;
}

class PercentFormatter {
 public:
  PercentFormatter(Interpreter& interpreter, const Text& format, const Args& args)
      : interpreter_(interpreter), format_(format), args_(args), out_(interpreter.budget()) {}

  Text run() {
    const std::string_view bytes = format_.bytes();
    for (size_t at = 0; at < bytes.size();) {
      const size_t percent = std::min(bytes.find('%', at), bytes.size());
      out_.add(format_.slice(at, percent));
      at = percent + 1;
      if (percent < bytes.size()) at = convert(at);
    }
    if (!used_names_ && next_ < args_.positional.size() && !is_mapping())
      throw RenderFailure("not all arguments converted during string formatting");
    return out_.take();
  }

 private:
  bool is_mapping() const {
    if (args_.positional.size() != 1 || next_ != 0) return false;
    const Value& only = args_.positional[0];
    return only.is_dict() || only.is_sequence() || only.is_undefined();
  }

  size_t convert(size_t at) {
    const std::string_view bytes = format_.bytes();
    FormatSpec spec;
    const Value* named = nullptr;
    if (at < bytes.size() && bytes[at] == '(') {
      const size_t end = bytes.find(')', at);
      if (end == bytes.npos) throw RenderFailure("incomplete format key");
      named = &find_named(bytes.substr(at + 1, end - at - 1));
      at = end + 1;
    }
    bool is_zero = false;
    bool is_left = false;
    for (; at < bytes.size() && std::string_view("-+ #0").find(bytes[at]) != std::string_view::npos;
         ++at) {
      if (bytes[at] == '-') is_left = true;
      if (bytes[at] == '0') is_zero = true;
      if (bytes[at] == '#') spec.is_alternate = true;
      if (bytes[at] == '+' || (bytes[at] == ' ' && spec.sign != '+')) spec.sign = bytes[at];
    }
    spec.width = std::max<int64_t>(read_star_or_count(at), 0);
    if (at < bytes.size() && bytes[at] == '.') {
      ++at;
      spec.precision = std::max<int64_t>(read_star_or_count(at), 0);
      check_precision(spec.precision);
    }
    if (at >= bytes.size()) throw RenderFailure("incomplete format");
    spec.type = bytes[at];
    if (spec.type == '%') {
      out_.add(format_.slice(at, at + 1));
      return at + 1;
    }
    spec.align = is_left ? '<' : '>';
    if (is_zero && !is_left) {
      spec.align = '=';
      spec.fill = Text("0");
    }
    out_.add(converted(named ? *named : next_value(), spec));
    return at + 1;
  }

  int64_t read_star_or_count(size_t& at) {
    if (at >= format_.size() || format_.bytes()[at] != '*') return read_count(format_.bytes(), at);
    ++at;
    return to_integer(next_value(), "format");
  }

  const Value& find_named(std::string_view name) {
    used_names_ = true;
    for (const auto& [known, value] : args_.named)
      if (known == name) return value;
    if (args_.positional.size() == 1 && args_.positional[0].is_dict())
      if (const Value* found = args_.positional[0].dict().find(name)) return *found;
    throw RenderFailure(fmt::format("no value for the format key '{}'", name));
  }

  const Value& next_value() {
    if (next_ >= args_.positional.size())
      throw RenderFailure("not enough arguments for format string");
    return args_.positional[next_++];
  }

  Text converted(const Value& value, FormatSpec spec) {
    switch (spec.type) {
      case 's':
      case 'r':
      case 'a': {
        if (spec.align == '=') spec.align = '>';
        spec.fill = Text(" ");
        const Text text =
            spec.type == 's' ? interpreter_.to_text(value) : to_repr(value, interpreter_.budget());
        return format_text(interpreter_, text, spec);
      }
      case 'c':
        if (value.is_string()) return format_text(interpreter_, value.text(), spec);
        return format_number(interpreter_, value, spec);
      case 'd':
      case 'i':
      case 'u':
        spec.type = 'd';
        if (value.is<double>()) return integer_of_float(value.number(), spec);
        return format_integer(value, spec);
      case 'x':
      case 'X':
      case 'o':
        return format_integer(value, spec);
      case 'e':
      case 'E':
      case 'f':
      case 'F':
      case 'g':
      case 'G':
        require_number(value);
        return format_number(interpreter_, value.number(), spec);
      default:
        throw RenderFailure(fmt::format("unsupported format character '{}'", spec.type));
    }
  }

  static void require_number(const Value& value) {
    require_defined(value);
    if (!value.is_number())
      throw RenderFailure(
          fmt::format("a number is required for the format, not {}", type_name(value)));
  }

  Text integer_of_float(double value, const FormatSpec& spec) {
    if (!(std::fabs(value) < 9.2e18)) throw RenderFailure("a whole number beyond 64 bits");
    return format_number(interpreter_, static_cast<int64_t>(value), spec);
  }

  Text format_integer(const Value& value, FormatSpec spec) {
    require_defined(value);
    if (!value.is_integer())
      throw RenderFailure(
          fmt::format("%{} format: an integer is required, not {}", spec.type, type_name(value)));
    spec.precision = -1;
    return format_number(interpreter_, value, spec);
  }

  Interpreter& interpreter_;
  const Text& format_;
  const Args& args_;
  TextBuilder out_;
  size_t next_ = 0;
  bool used_names_ = false;
};

class BraceFormatter {
 public:
  BraceFormatter(Interpreter& interpreter, const Args& args)
      : interpreter_(interpreter), args_(args) {}

  Text run(const Text& format, int depth) {
    if (depth > 2) throw RenderFailure("max string recursion exceeded");
    const std::string_view bytes = format.bytes();
    TextBuilder out(interpreter_.budget());
    for (size_t at = 0; at < bytes.size();) {
      const size_t brace = std::min(bytes.find_first_of("{}", at), bytes.size());
      out.add(format.slice(at, brace));
      if (brace == bytes.size()) break;
      at = brace + 1;
      if (at < bytes.size() && bytes[at] == bytes[brace]) {
        out.add(format.slice(at, at + 1));
        ++at;
      } else if (bytes[brace] == '}') {
        throw RenderFailure("Single '}' encountered in format string");
      } else {
        const size_t end = field_end(bytes, at);
        out.add(field(format.slice(at, end), depth));
        at = end + 1;
      }
    }
    return out.take();
  }

 private:
  static size_t field_end(std::string_view bytes, size_t at) {
    int open = 1;
    bool is_key = false;  // braces in [...] are part of the key
    for (; at < bytes.size(); ++at) {
      if (bytes[at] == '[') is_key = true;
      if (bytes[at] == ']') is_key = false;
      if (!is_key && bytes[at] == '{') ++open;
      if (!is_key && bytes[at] == '}' && --open == 0) return at;
    }
    throw RenderFailure("expected '}' before end of string");
  }

  Text field(const Text& text, int depth) {
    const std::string_view bytes = text.bytes();
    size_t name_end = 0;
    bool is_key = false;
    for (; name_end < bytes.size(); ++name_end) {
      const char c = bytes[name_end];
      if (c == '[') is_key = true;
      if (c == ']') is_key = false;
      if (!is_key && (c == ':' || c == '!')) break;
    }
    const Value value = lookup(bytes.substr(0, name_end));
    char conversion = 0;
    if (name_end < bytes.size() && bytes[name_end] == '!') {
      if (name_end + 1 >= bytes.size()) throw RenderFailure("unmatched '{' in format spec");
      conversion = bytes[name_end + 1];
      name_end += 2;
    }
    if (name_end < bytes.size() && bytes[name_end] != ':')
      throw RenderFailure("expected ':' after conversion specifier");
    Text spec;
    if (name_end < bytes.size()) spec = run(text.slice(name_end + 1), depth + 1);
    return formatted(value, conversion, spec);
  }

  Value lookup(std::string_view name) {
    const size_t first_end = std::min(name.find_first_of(".["), name.size());
    Value value = argument(name.substr(0, first_end));
    for (size_t at = first_end; at < name.size();) {
      if (name[at] == '.') {
        const size_t end = std::min(name.find_first_of(".[", at + 1), name.size());
        value = interpreter_.attribute(value, name.substr(at + 1, end - at - 1));
        at = end;
      } else {
        const size_t end = name.find(']', at);
        if (name[at] != '[' || end == name.npos)
          throw RenderFailure("Missing ']' in format string");
        value = interpreter_.item(value, key(name.substr(at + 1, end - at - 1)));
        at = end + 1;
      }
    }
    return value;
  }

  static Value key(std::string_view text) {
    size_t at = 0;
    const int64_t number = read_count(text, at);
    if (number >= 0 && at == text.size()) return number;
    return Text(std::string(text));
  }

  Value argument(std::string_view name) {
    size_t at = 0;
    int64_t index = read_count(name, at);
    if (name.empty()) index = next_++;
    if (index >= 0 && at == name.size()) {
      if (index >= static_cast<int64_t>(args_.positional.size()))
        throw RenderFailure(
            fmt::format("Replacement index {} out of range for positional args tuple", index));
      return args_.positional[static_cast<size_t>(index)];
    }
    for (const auto& [known, value] : args_.named)
      if (known == name) return value;
    throw RenderFailure(fmt::format("no value for the format key '{}'", name));
  }

  Text formatted(const Value& value, char conversion, const Text& spec_text) {
    if (conversion != 0 && conversion != 's' && conversion != 'r' && conversion != 'a')
      throw RenderFailure(fmt::format("unknown conversion specifier '{}'", conversion));
    if (spec_text.empty() && conversion != 'r' && conversion != 'a')
      return interpreter_.to_text(value);
    const FormatSpec spec = parse_spec(spec_text);
    if (conversion == 'r' || conversion == 'a')
      return format_text(interpreter_, to_repr(value, interpreter_.budget()), spec);
    if (conversion == 0 && value.is_number() && !(value.is<bool>() && spec.type == 's'))
      return format_number(interpreter_, value, spec);
    if (conversion == 0 && !value.is_string())
      throw RenderFailure(
          fmt::format("unsupported format string passed to {}.__format__", type_name(value)));
    return format_text(interpreter_, interpreter_.to_text(value), spec);
  }

  static FormatSpec parse_spec(const Text& text) {
    FormatSpec spec;
    const std::string_view bytes = text.bytes();
    size_t at = 0;
    const auto is_align = [&](size_t i) {
      return i < bytes.size() && std::string_view("<>^=").find(bytes[i]) != std::string_view::npos;
    };
    const size_t fill_end = bytes.empty() ? 0 : character_at(bytes, 0).end;
    if (is_align(fill_end)) {
      spec.fill = text.slice(0, fill_end);
      spec.align = bytes[fill_end];
      at = fill_end + 1;
    } else if (is_align(0)) {
      spec.align = bytes[at++];
    }
    if (at < bytes.size() && std::string_view("+- ").find(bytes[at]) != std::string_view::npos)
      spec.sign = bytes[at++];
    if (at < bytes.size() && bytes[at] == '#') spec.is_alternate = ++at > 0;
    if (at < bytes.size() && bytes[at] == '0' && spec.align == 0) {
      spec.fill = Text("0");
      spec.align = '=';
      ++at;
    }
    spec.width = std::max<int64_t>(read_count(bytes, at), 0);
    if (at < bytes.size() && bytes[at] == ',') spec.has_comma = ++at > 0;
    if (at < bytes.size() && bytes[at] == '.') {
      spec.precision = read_count(bytes, ++at);
      if (spec.precision < 0) throw RenderFailure("Format specifier missing precision");
      check_precision(spec.precision);
    }
    if (at < bytes.size()) spec.type = bytes[at++];
    if (at < bytes.size()) throw RenderFailure("Invalid format specifier");
    return spec;
  }

  Interpreter& interpreter_;
  const Args& args_;
  int64_t next_ = 0;
};

}  // namespace

Text format_number(Interpreter& interpreter, const Value& value, const FormatSpec& spec) {
  NumberText number;
  if (spec.type == 'c') {
    const int64_t code = to_integer(value, "format");
    if (code < 0 || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000))
      throw RenderFailure("%c arg not in range(0x110000)");
    append_utf8(number.digits, static_cast<char32_t>(code));
  } else if (std::string_view("eEfFgG%").find(spec.type) != std::string_view::npos &&
             spec.type != 0) {
    number = float_text(value.number(), spec);
  } else if (std::string_view("dnxXob").find(spec.type) == std::string_view::npos &&
             spec.type != 0) {
    throw RenderFailure(fmt::format("Unknown format code '{}' for object of type '{}'", spec.type,
                                    type_name(value)));
  } else if (value.is_integer()) {
    if (spec.precision >= 0)
      throw RenderFailure("Precision not allowed in integer format specifier");
    number = integer_text(value.integer(), spec);
  } else if (spec.type == 0 || spec.type == 'n') {
    number = float_text(value.number(), spec);
  } else {
    throw RenderFailure(
        fmt::format("Unknown format code '{}' for object of type 'float'", spec.type));
  }
  std::string sign = number.is_negative ? "-" : spec.sign == '-' ? "" : std::string(1, spec.sign);
  sign += number.prefix;
  std::string digits = spec.has_comma ? grouped(number.digits, ',') : number.digits;
  const Text body(digits + number.rest);
  if (spec.align == '=') {
    FormatSpec inner = spec;
    inner.width -= static_cast<int64_t>(sign.size());
    TextBuilder out(interpreter.budget());
    out.add(sign);
    out.add(padded(interpreter, body, inner, '>'));
    return out.take();
  }
  return padded(interpreter, Text(sign + body.bytes()), spec, spec.align == 0 ? '>' : spec.align);
}

Text format_text(Interpreter& interpreter, const Text& text, const FormatSpec& spec) {
  if (spec.type != 0 && std::string_view("srac").find(spec.type) == std::string_view::npos)
    throw RenderFailure(
        fmt::format("Unknown format code '{}' for object of type 'str'", spec.type));
  if (spec.precision < 0)
    return padded(interpreter, text, spec, spec.align == 0 ? '<' : spec.align);
  const Text cut = text.slice(0, byte_of_character(text.bytes(), spec.precision));
  return padded(interpreter, cut, spec, spec.align == 0 ? '<' : spec.align);
}

Text format_percent(Interpreter& interpreter, const Text& format, const Args& args) {
  return PercentFormatter(interpreter, format, args).run();
}

Text format_braces(Interpreter& interpreter, const Text& format, const Args& args) {
  return BraceFormatter(interpreter, args).run(format, 0);
}

}  // namespace llm::text::jinja
