#include <algorithm>
#include <string_view>
#include <unordered_map>

#include "text/jinja/format.h"
#include "text/jinja/methods.h"
#include "text/jinja/operators.h"
#include "text/jinja/text_ops.h"
#include "text/jinja/unicode.h"

namespace llm::text::jinja {
namespace {

using StringMethod = Value (*)(Interpreter&, const Text&, const Args&);

Value texts(Interpreter& interpreter, std::vector<Text> parts,
            SequenceKind kind = SequenceKind::kList) {
  std::vector<Value> items;
  for (Text& part : parts) items.push_back(std::move(part));
  return interpreter.list(std::move(items), kind);
}

template <Side side>
Value strip_method(Interpreter& interpreter, const Text& self, const Args& args) {
  const Bound bound("strip", args, {"chars"});
  if (!bound.is_set(0)) return interpreter.text(strip(self, side));
  return interpreter.text(strip(self, side, bound.text(0).bytes()));
}

template <bool is_right>
Value split_method(Interpreter& interpreter, const Text& self, const Args& args) {
  const Bound bound("split", args, {"sep", "maxsplit"});
  std::optional<std::string_view> separator;
  if (bound.is_set(0)) {
    separator = bound.text(0).bytes();
    if (separator->empty()) throw RenderFailure("empty separator");
  }
  const int64_t max_splits = bound.integer_or(1, -1);
  return texts(interpreter,
               is_right ? split_from_right(self, separator, max_splits, interpreter.budget())
                        : split(self, separator, max_splits, interpreter.budget()));
}

Value splitlines_method(Interpreter& interpreter, const Text& self, const Args& args) {
  const Bound bound("splitlines", args, {"keepends"});
  return texts(interpreter, split_lines(self, bound.truth_or(0, false), interpreter.budget()));
}

template <bool is_right>
Value partition_method(Interpreter& interpreter, const Text& self, const Args& args) {
  const Bound bound("partition", args, {"sep"}, 1);
  const std::string& separator = bound.text(0).bytes();
  if (separator.empty()) throw RenderFailure("empty separator");
  const size_t at = is_right ? self.bytes().rfind(separator) : self.bytes().find(separator);
  std::vector<Text> parts;
  if (at == std::string::npos) {
    parts = is_right ? std::vector<Text>{Text(), Text(), self}
                     : std::vector<Text>{self, Text(), Text()};
  } else {
    const size_t end = at + separator.size();
    parts = {self.slice(0, at), self.slice(at, end), self.slice(end)};
  }
  return texts(interpreter, std::move(parts), SequenceKind::kTuple);
}

// The part of `self` between the characters `start` and `end`, arguments 1 and 2 as in Python.
struct Window {
  std::string_view bytes;
  size_t begin = 0;
  bool is_valid = true;  // start lies inside the text
};

Window window(const Text& self, const Bound& bound) {
  const int64_t size = count_characters(self.bytes());
  const auto index = [&](size_t i, int64_t fallback) {
    const int64_t value = bound.is_set(i) ? to_integer(bound.at(i), "index") : fallback;
    return value < 0 ? std::max<int64_t>(value + size, 0) : value;
  };
  const int64_t start = index(1, 0);
  const int64_t end = std::min(index(2, size), size);
  if (start > end) return {{}, 0, false};
  const size_t begin = byte_of_character(self.bytes(), start);
  const size_t last = byte_of_character(self.bytes(), end);
  return {std::string_view(self.bytes()).substr(begin, last - begin), begin, true};
}

template <bool is_right>
int64_t find_character(const Text& self, const Args& args) {
  const Bound bound("find", args, {"sub", "start", "end"}, 1);
  const std::string& what = bound.text(0).bytes();
  const Window part = window(self, bound);
  const size_t at = is_right ? part.bytes.rfind(what) : part.bytes.find(what);
  if (!part.is_valid || at == std::string_view::npos) return -1;
  return count_characters(std::string_view(self.bytes()).substr(0, part.begin + at));
}

template <bool is_right>
Value find_method(Interpreter&, const Text& self, const Args& args) {
  return find_character<is_right>(self, args);
}

template <bool is_right>
Value index_method(Interpreter&, const Text& self, const Args& args) {
  const int64_t at = find_character<is_right>(self, args);
  if (at < 0) throw RenderFailure("substring not found");
  return at;
}

Value count_method(Interpreter&, const Text& self, const Args& args) {
  const Bound bound("count", args, {"sub", "start", "end"}, 1);
  const std::string& what = bound.text(0).bytes();
  const Window part = window(self, bound);
  if (!part.is_valid) return int64_t{0};
  if (what.empty()) return count_characters(part.bytes) + 1;
  int64_t count = 0;
  for (size_t at = part.bytes.find(what); at != std::string_view::npos;
       at = part.bytes.find(what, at + what.size()))
    ++count;
  return count;
}

template <bool is_end>
Value starts_method(Interpreter&, const Text& self, const Args& args) {
  const Bound bound(is_end ? "endswith" : "startswith", args, {"prefix", "start", "end"}, 1);
  const Window part = window(self, bound);
  const auto fits = [&](const Value& value) {
    const std::string& what = to_string(value, "startswith").bytes();
    return part.is_valid && (is_end ? part.bytes.ends_with(what) : part.bytes.starts_with(what));
  };
  const Value& what = bound.at(0);
  if (!what.is_sequence() || what.sequence().kind != SequenceKind::kTuple) return fits(what);
  return std::ranges::any_of(what.sequence().items, fits);
}

Value replace_method(Interpreter& interpreter, const Text& self, const Args& args) {
  const Bound bound("replace", args, {"old", "new", "count"}, 2);
  return interpreter.text(replace(self, bound.text(0).bytes(), bound.text(1),
                                  bound.integer_or(2, -1), interpreter.budget()));
}

Value join_method(Interpreter& interpreter, const Text& self, const Args& args) {
  const Bound bound("join", args, {"iterable"}, 1);
  std::vector<Text> parts;
  for (const Value& item : interpreter.iterate(bound.at(0)))
    parts.push_back(to_string(item, "join"));
  return interpreter.text(join(self, parts, interpreter.budget()));
}

Value format_method(Interpreter& interpreter, const Text& self, const Args& args) {
  return interpreter.text(format_braces(interpreter, self, args));
}

Value format_map_method(Interpreter& interpreter, const Text& self, const Args& args) {
  const Bound bound("format_map", args, {"mapping"}, 1);
  if (!bound.at(0).is_dict()) throw RenderFailure("format_map needs a mapping");
  Args named;
  for (const auto& [key, value] : bound.at(0).dict().items)
    if (key.is_string()) named.named.emplace_back(std::string(key.bytes()), value);
  return interpreter.text(format_braces(interpreter, self, named));
}

template <CaseChange change>
Value case_method(Interpreter& interpreter, const Text& self, const Args& args) {
  require_no_arguments("case methods", args);
  return interpreter.text(change_case(self, change));
}

template <Text (*map)(const Text&)>
Value map_method(Interpreter& interpreter, const Text& self, const Args& args) {
  require_no_arguments("case methods", args);
  interpreter.budget().charge(self.size() * 16);
  return interpreter.text(map(self));
}

template <char align>
Value pad_method(Interpreter& interpreter, const Text& self, const Args& args) {
  const Bound bound("padding", args, {"width", "fillchar"}, 1);
  FormatSpec spec;
  spec.width = bound.integer_or(0, 0);
  spec.align = align;
  if (bound.has(1)) spec.fill = bound.text(1);
  if (count_characters(spec.fill.bytes()) != 1)
    throw RenderFailure("The fill character must be exactly one character long");
  if (align != '^') return interpreter.text(format_text(interpreter, self, spec));
  // str.center puts the odd character on the left when the width is odd.
  const int64_t missing = spec.width - count_characters(self.bytes());
  if (missing <= 0) return interpreter.text(self);
  const int64_t before = missing / 2 + (missing & spec.width & 1);
  TextBuilder out(interpreter.budget());
  out.repeat(spec.fill, before);
  out.add(self);
  out.repeat(spec.fill, missing - before);
  return interpreter.text(out.take());
}

Value zfill_method(Interpreter& interpreter, const Text& self, const Args& args) {
  const Bound bound("zfill", args, {"width"}, 1);
  const bool has_sign = !self.empty() && (self.bytes()[0] == '-' || self.bytes()[0] == '+');
  TextBuilder out(interpreter.budget());
  if (has_sign) out.add(self.slice(0, 1));
  out.repeat(Text("0"), bound.integer_or(0, 0) - count_characters(self.bytes()));
  out.add(self.slice(has_sign ? 1 : 0));
  return interpreter.text(out.take());
}

Value expandtabs_method(Interpreter& interpreter, const Text& self, const Args& args) {
  const Bound bound("expandtabs", args, {"tabsize"});
  const int64_t size = bound.integer_or(0, 8);
  TextBuilder out(interpreter.budget());
  int64_t column = 0;
  for (size_t at = 0; at < self.size();) {
    const Character c = character_at(self.bytes(), at);
    if (c.code == '\t') {
      const int64_t count = size > 0 ? size - column % size : 0;
      out.repeat(Text(" ", self.origin_at(at)), count);
      column += count;
    } else {
      out.add(self.slice(at, c.end));
      column = c.code == '\n' || c.code == '\r' ? 0 : column + 1;
    }
    at = c.end;
  }
  return interpreter.text(out.take());
}

template <bool is_suffix>
Value remove_method(Interpreter& interpreter, const Text& self, const Args& args) {
  const Bound bound("removeprefix", args, {"prefix"}, 1);
  const std::string& what = bound.text(0).bytes();
  if (is_suffix)
    return interpreter.text(self.bytes().ends_with(what) ? self.slice(0, self.size() - what.size())
                                                         : self);
  return interpreter.text(self.bytes().starts_with(what) ? self.slice(what.size()) : self);
}

template <bool (*is_kind)(char32_t)>
Value all_method(Interpreter&, const Text& self, const Args& args) {
  require_no_arguments("is...", args);
  for (size_t at = 0; at < self.size();) {
    const Character c = character_at(self.bytes(), at);
    if (!is_kind(c.code)) return false;
    at = c.end;
  }
  return !self.empty();
}

Value isascii_method(Interpreter&, const Text& self, const Args&) {
  return std::ranges::all_of(self.bytes(), [](char c) { return static_cast<uint8_t>(c) < 0x80; });
}

Value isprintable_method(Interpreter& interpreter, const Text& self, const Args& args) {
  return self.empty() ? Value(true) : all_method<is_printable>(interpreter, self, args);
}

Value isidentifier_method(Interpreter&, const Text& self, const Args&) {
  for (size_t at = 0; at < self.size();) {
    const Character c = character_at(self.bytes(), at);
    if (!(at == 0 ? is_identifier_start(c.code) : is_identifier_part(c.code))) return false;
    at = c.end;
  }
  return !self.empty();
}

template <bool wants_upper>
Value iscase_method(Interpreter&, const Text& self, const Args&) {
  bool has_letter = false;
  for (size_t at = 0; at < self.size();) {
    const Character c = character_at(self.bytes(), at);
    const bool is_right = wants_upper ? is_upper(c.code) : is_lower(c.code);
    if (!is_right && (is_lower(c.code) || is_upper(c.code) || is_title(c.code))) return false;
    has_letter = has_letter || is_right;
    at = c.end;
  }
  return has_letter;
}

Value istitle_method(Interpreter&, const Text& self, const Args&) {
  bool has_letter = false;
  bool follows_letter = false;
  for (size_t at = 0; at < self.size();) {
    const Character c = character_at(self.bytes(), at);
    const bool is_big = is_upper(c.code) || is_title(c.code);
    if (follows_letter ? is_big : is_lower(c.code)) return false;
    follows_letter = is_big || is_lower(c.code);
    has_letter = has_letter || follows_letter;
    at = c.end;
  }
  return has_letter;
}

Value unsupported_method(Interpreter&, const Text&, const Args&) {
  throw RenderFailure("str.encode, str.translate and str.maketrans are not supported");
}

const std::unordered_map<std::string_view, StringMethod>& string_methods() {
  static const std::unordered_map<std::string_view, StringMethod> methods = {
      {"capitalize", map_method<capitalized>},
      {"casefold", case_method<CaseChange::kFold>},
      {"center", pad_method<'^'>},
      {"count", count_method},
      {"encode", unsupported_method},
      {"endswith", starts_method<true>},
      {"expandtabs", expandtabs_method},
      {"find", find_method<false>},
      {"format", format_method},
      {"format_map", format_map_method},
      {"index", index_method<false>},
      {"isalnum", all_method<is_alphanumeric>},
      {"isalpha", all_method<is_letter>},
      {"isascii", isascii_method},
      {"isdecimal", all_method<is_decimal>},
      {"isdigit", all_method<is_digit>},
      {"isidentifier", isidentifier_method},
      {"islower", iscase_method<false>},
      {"isnumeric", all_method<is_numeric>},
      {"isprintable", isprintable_method},
      {"isspace", all_method<is_space>},
      {"istitle", istitle_method},
      {"isupper", iscase_method<true>},
      {"join", join_method},
      {"ljust", pad_method<'<'>},
      {"lower", case_method<CaseChange::kLower>},
      {"lstrip", strip_method<Side::kLeft>},
      {"maketrans", unsupported_method},
      {"partition", partition_method<false>},
      {"removeprefix", remove_method<false>},
      {"removesuffix", remove_method<true>},
      {"replace", replace_method},
      {"rfind", find_method<true>},
      {"rindex", index_method<true>},
      {"rjust", pad_method<'>'>},
      {"rpartition", partition_method<true>},
      {"rsplit", split_method<true>},
      {"rstrip", strip_method<Side::kRight>},
      {"split", split_method<false>},
      {"splitlines", splitlines_method},
      {"startswith", starts_method<false>},
      {"strip", strip_method<Side::kBoth>},
      {"swapcase", map_method<swapped_case>},
      {"title", map_method<titled>},
      {"translate", unsupported_method},
      {"upper", case_method<CaseChange::kUpper>},
      {"zfill", zfill_method},
  };
  return methods;
}

}  // namespace

bool has_string_method(std::string_view name) { return string_methods().contains(name); }

Value call_string_method(Interpreter& interpreter, const Value& self, const std::string& name,
                         const Args& args) {
  interpreter.budget().step(1 + static_cast<int64_t>(self.bytes().size() / 1024));
  return string_methods().at(name)(interpreter, self.text(), args);
}

}  // namespace llm::text::jinja
