#include <charconv>
#include <cmath>

#include "text/jinja/unicode.h"
#include "text/jinja/value.h"

namespace llm::text::jinja {
namespace {

constexpr int kMaxReprDepth = 200;

class ReprWriter {
 public:
  explicit ReprWriter(Budget& budget) : budget_(budget), out_(budget) {}

  void write(const Value& value, OriginId origin) {
    budget_.step();
    if (++depth_ > kMaxReprDepth) throw RenderFailure("a value nested too deeply to be shown");
    if (value.is_string()) {
      write_string(value.text());
    } else if (value.is_sequence()) {
      write_sequence(value.sequence());
    } else if (value.is_dict()) {
      write_dict(value.dict());
    } else {
      out_.add(scalar(value), origin);
    }
    --depth_;
  }

  Text take() { return out_.take(); }

 private:
  static std::string scalar(const Value& value) {
    if (value.is_none()) return "None";
    if (value.is_undefined()) return "Undefined";
    if (value.is<bool>()) return value.boolean() ? "True" : "False";
    if (value.is<int64_t>()) return std::to_string(value.integer());
    if (value.is<double>()) return float_repr(value.number());
    return fmt::format("<{}>", value.object()->type_name());
  }

  void write_sequence(const Sequence& sequence) {
    if (sequence.kind == SequenceKind::kRange || sequence.kind == SequenceKind::kGenerator)
      return out_.add(sequence.kind == SequenceKind::kRange ? sequence.label : "<generator>");
    const bool is_tuple =
        sequence.kind == SequenceKind::kTuple || sequence.kind == SequenceKind::kGroup;
    const bool is_view = sequence.kind == SequenceKind::kView;
    if (is_view) out_.add(sequence.label + "(");
    out_.add(is_tuple ? "(" : "[", sequence.origin);
    for (size_t i = 0; i < sequence.items.size(); ++i) {
      if (i > 0) out_.add(", ", sequence.origin);
      write(sequence.items[i], sequence.origin);
    }
    if (is_tuple && sequence.items.size() == 1) out_.add(",", sequence.origin);
    out_.add(is_tuple ? ")" : "]", sequence.origin);
    if (is_view) out_.add(")");
  }

  void write_dict(const Dict& dict) {
    out_.add("{", dict.origin);
    for (size_t i = 0; i < dict.items.size(); ++i) {
      if (i > 0) out_.add(", ", dict.origin);
      write(dict.items[i].first, dict.origin);
      out_.add(": ", dict.origin);
      write(dict.items[i].second, dict.origin);
    }
    out_.add("}", dict.origin);
  }

  // Single quotes, unless that would need escapes and double quotes would not.
  void write_string(const Text& text) {
    const std::string& bytes = text.bytes();
    const bool is_double = bytes.find('\'') != bytes.npos && bytes.find('"') == bytes.npos;
    const char quote = is_double ? '"' : '\'';
    const OriginId origin = text.origin_at(0);
    out_.add(std::string_view(&quote, 1), origin);
    size_t plain = 0;
    for (size_t at = 0; at < bytes.size();) {
      const Character c = character_at(bytes, at);
      const std::string escape = escaped(c.code, quote);
      if (!escape.empty()) {
        out_.add(text.slice(plain, at));
        out_.add(escape, text.origin_at(at));
        plain = c.end;
      }
      at = c.end;
    }
    out_.add(text.slice(plain));
    out_.add(std::string_view(&quote, 1), origin);
  }

  static std::string escaped(char32_t code, char quote) {
    if (code == static_cast<char32_t>(quote)) return std::string("\\") + quote;
    if (code == '\\') return "\\\\";
    if (code == '\n') return "\\n";
    if (code == '\r') return "\\r";
    if (code == '\t') return "\\t";
    if (is_printable(code)) return "";
    const auto number = static_cast<uint32_t>(code);
    if (number < 0x100) return fmt::format("\\x{:02x}", number);
    return number < 0x10000 ? fmt::format("\\u{:04x}", number) : fmt::format("\\U{:08x}", number);
  }

  Budget& budget_;
  TextBuilder out_;
  int depth_ = 0;
};

}  // namespace

Text to_repr(const Value& value, Budget& budget) {
  ReprWriter writer(budget);
  writer.write(value, kTemplateOrigin);
  return writer.take();
}

Text to_text(const Value& value, Budget& budget) {
  if (value.is_string()) return value.text();
  if (value.is_undefined()) return Text();
  return to_repr(value, budget);
}

std::string float_repr(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof(buffer), std::fabs(value),
                                 std::chars_format::scientific)
                       .ptr;
  const std::string_view shortest(buffer, static_cast<size_t>(end - buffer));
  const size_t e = shortest.find('e');
  std::string digits(1, shortest[0]);
  if (e > 2) digits += shortest.substr(2, e - 2);
  int exponent = 0;
  const char* first = shortest.data() + e + 1;
  std::from_chars(*first == '+' ? first + 1 : first, end, exponent);
  std::string out = std::signbit(value) ? "-" : "";
  if (exponent < -4 || exponent >= 16) {
    out += digits.substr(0, 1);
    if (digits.size() > 1) out += "." + digits.substr(1);
    return out + fmt::format("e{}{:02d}", exponent < 0 ? '-' : '+', std::abs(exponent));
  }
  if (exponent < 0) return out + "0." + std::string(-exponent - 1, '0') + digits;
  const auto whole = static_cast<size_t>(exponent) + 1;
  if (digits.size() <= whole) return out + digits + std::string(whole - digits.size(), '0') + ".0";
  return out + digits.substr(0, whole) + "." + digits.substr(whole);
}

}  // namespace llm::text::jinja
