#include <algorithm>

#include "text/jinja/filters.h"
#include "text/jinja/format.h"
#include "text/jinja/json_values.h"
#include "text/jinja/methods.h"
#include "text/jinja/operators.h"
#include "text/jinja/text_ops.h"
#include "text/jinja/unicode.h"

namespace llm::text::jinja {
namespace {

template <CaseChange change>
Value case_filter(Interpreter& interpreter, const Value& value, const Args& args) {
  require_no_arguments("case filters", args);
  return interpreter.text(change_case(interpreter.to_text(value), change));
}

Value capitalize_filter(Interpreter& interpreter, const Value& value, const Args& args) {
  require_no_arguments("capitalize", args);
  return interpreter.text(capitalized(interpreter.to_text(value)));
}

// A capital behind white space and opening brackets, small letters elsewhere.
Value title_filter(Interpreter& interpreter, const Value& value, const Args& args) {
  require_no_arguments("title", args);
  const Text text = interpreter.to_text(value);
  const auto separates = [](char32_t c) {
    return is_space(c) || c == '-' || c == '(' || c == '{' || c == '[' || c == '<';
  };
  TextBuilder out(interpreter.budget());
  for (size_t at = 0; at < text.size();) {
    const Character first = character_at(text.bytes(), at);
    size_t end = first.end;
    while (!separates(first.code) && end < text.size()) {
      const Character next = character_at(text.bytes(), end);
      if (separates(next.code)) break;
      end = next.end;
    }
    out.add(change_case(text.slice(at, first.end), CaseChange::kUpper));
    out.add(change_case(text.slice(first.end, end), CaseChange::kLower));
    at = end;
  }
  return interpreter.text(out.take());
}

Value trim_filter(Interpreter& interpreter, const Value& value, const Args& args) {
  const Bound bound("trim", args, {"chars"});
  const Text text = interpreter.to_text(value);
  if (!bound.is_set(0)) return interpreter.text(strip(text, Side::kBoth));
  return interpreter.text(strip(text, Side::kBoth, bound.text(0).bytes()));
}

Value replace_filter(Interpreter& interpreter, const Value& value, const Args& args) {
  const Bound bound("replace", args, {"old", "new", "count"}, 2);
  const Text old = interpreter.to_text(bound.at(0));
  const Text by = interpreter.to_text(bound.at(1));
  const int64_t count = bound.is_set(2) ? bound.integer_or(2, -1) : -1;
  return interpreter.text(
      replace(interpreter.to_text(value), old.bytes(), by, count, interpreter.budget()));
}

Value join_filter(Interpreter& interpreter, const Value& value, const Args& args) {
  const Bound bound("join", args, {"d", "attribute"});
  const AttributePath path = bound.is_set(1) ? attribute_path(bound.at(1)) : AttributePath();
  std::vector<Text> parts;
  for (const Value& item : interpreter.iterate(value))
    parts.push_back(interpreter.to_text(follow(interpreter, item, path)));
  const Text separator = bound.has(0) ? interpreter.to_text(bound.at(0)) : Text();
  return interpreter.text(join(separator, parts, interpreter.budget()));
}

Value indent_filter(Interpreter& interpreter, const Value& value, const Args& args) {
  const Bound bound("indent", args, {"width", "first", "blank"});
  TextBuilder indention(interpreter.budget());
  if (bound.has(0) && bound.at(0).is_string()) {
    indention.add(bound.text(0));
  } else {
    indention.repeat(Text(" "), bound.integer_or(0, 4));
  }
  const Text step = indention.take();
  Text text = to_string(value, "indent");
  text.append("\n", kTemplateOrigin);
  const std::vector<Text> lines = split_lines(text, false, interpreter.budget());
  const bool indents_blank = bound.truth_or(2, false);
  TextBuilder out(interpreter.budget());
  if (bound.truth_or(1, false)) out.add(step);
  for (size_t i = 0; i < lines.size(); ++i) {
    if (i > 0) out.add("\n");
    if (i > 0 && (indents_blank || !lines[i].empty())) out.add(step);
    out.add(lines[i]);
  }
  return interpreter.text(out.take());
}

Value truncate_filter(Interpreter& interpreter, const Value& value, const Args& args) {
  const Bound bound("truncate", args, {"length", "killwords", "end", "leeway"});
  const Text end = bound.has(2) ? bound.text(2) : Text("...");
  const int64_t length = bound.integer_or(0, 255);
  const int64_t leeway = bound.is_set(3) ? bound.integer_or(3, 5) : 5;
  const int64_t room = length - count_characters(end.bytes());
  if (room < 0 || leeway < 0) throw RenderFailure("truncate: the length is too small");
  if (jinja::length(value) <= length + leeway) return value;
  const Text& text = to_string(value, "truncate");
  Text cut = text.slice(0, byte_of_character(text.bytes(), room));
  const size_t space = cut.bytes().rfind(' ');
  if (!bound.truth_or(1, false) && space != std::string::npos) cut = cut.slice(0, space);
  cut.append(end);
  return interpreter.text(std::move(cut));
}

Value center_filter(Interpreter& interpreter, const Value& value, const Args& args) {
  const Bound bound("center", args, {"width"});
  return call_string_method(interpreter, interpreter.to_text(value), "center",
                            {{bound.value_or(0, int64_t{80})}, {}});
}

Value wordcount_filter(Interpreter& interpreter, const Value& value, const Args& args) {
  require_no_arguments("wordcount", args);
  const Text text = interpreter.to_text(value);
  int64_t count = 0;
  bool is_inside = false;
  for (size_t at = 0; at < text.size();) {
    const Character c = character_at(text.bytes(), at);
    const bool is_word = c.code == '_' || is_alphanumeric(c.code);
    count += is_word && !is_inside;
    is_inside = is_word;
    at = c.end;
  }
  return count;
}

Value format_filter(Interpreter& interpreter, const Value& value, const Args& args) {
  if (!args.positional.empty() && !args.named.empty())
    throw RenderFailure("format: positional and keyword arguments at the same time");
  return interpreter.text(format_percent(interpreter, interpreter.to_text(value), args));
}

Value string_filter(Interpreter& interpreter, const Value& value, const Args& args) {
  require_no_arguments("string", args);
  return value.is_string() ? value : interpreter.text(interpreter.to_text(value));
}

Value escape_filter(Interpreter& interpreter, const Value& value, const Args& args) {
  require_no_arguments("escape", args);
  return interpreter.text(escaped_html(interpreter.to_text(value), interpreter.budget()));
}

JsonStyle json_style(const Args& args) {
  const Bound bound("tojson", args, {"ensure_ascii", "indent", "separators", "sort_keys"});
  JsonStyle style;
  style.is_ascii = bound.truth_or(0, false);
  style.sorts_keys = bound.truth_or(3, false);
  if (bound.is_set(1)) {
    style.item_separator = ",";
    if (bound.at(1).is_string()) {
      style.indent = bound.text(1).bytes();
    } else {
      const int64_t width = bound.integer_or(1, 0);
      if (width > 1000) throw RenderFailure("tojson: an indent above 1000");
      style.indent = std::string(static_cast<size_t>(std::max<int64_t>(width, 0)), ' ');
    }
  }
  if (bound.is_set(2)) {
    const bool is_pair = bound.at(2).is_sequence() && bound.at(2).sequence().items.size() == 2;
    if (!is_pair) throw RenderFailure("tojson: separators are two strings");
    style.item_separator = to_string(bound.at(2).sequence().items[0], "tojson").bytes();
    style.key_separator = to_string(bound.at(2).sequence().items[1], "tojson").bytes();
  }
  return style;
}

Value tojson_filter(Interpreter& interpreter, const Value& value, const Args& args) {
  return interpreter.text(to_json(value, json_style(args), interpreter.budget()));
}

void add_quoted(TextBuilder& out, const Text& text, bool is_query) {
  for (size_t at = 0; at < text.size(); ++at) {
    const char c = text.bytes()[at];
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-' || c == '~' ||
                          (c == '/' && !is_query);
    const OriginId origin = text.origin_at(at);
    if (is_plain) {
      out.add(std::string_view(&c, 1), origin);
    } else if (c == ' ' && is_query) {
      out.add("+", origin);
    } else {
      out.add(fmt::format("%{:02X}", static_cast<uint8_t>(c)), origin);
    }
  }
}

Value urlencode_filter(Interpreter& interpreter, const Value& value, const Args& args) {
  require_no_arguments("urlencode", args);
  TextBuilder out(interpreter.budget());
  if (!value.is_dict() && !value.is_sequence()) {
    add_quoted(out, interpreter.to_text(value), false);
    return interpreter.text(out.take());
  }
  const Value pairs = value.is_dict() ? call_method(interpreter, value, "items", {}) : value;
  bool is_first = true;
  for (const Value& item : interpreter.iterate(pairs)) {
    const std::vector<Value> pair = interpreter.iterate(item);
    if (pair.size() != 2) throw RenderFailure("urlencode needs pairs of a key and a value");
    if (!std::exchange(is_first, false)) out.add("&");
    add_quoted(out, interpreter.to_text(pair[0]), true);
    out.add("=");
    add_quoted(out, interpreter.to_text(pair[1]), true);
  }
  return interpreter.text(out.take());
}

}  // namespace

const FilterTable& text_filters() {
  static const FilterTable filters = {
      {"upper", case_filter<CaseChange::kUpper>},
      {"lower", case_filter<CaseChange::kLower>},
      {"capitalize", capitalize_filter},
      {"title", title_filter},
      {"trim", trim_filter},
      {"replace", replace_filter},
      {"join", join_filter},
      {"indent", indent_filter},
      {"truncate", truncate_filter},
      {"center", center_filter},
      {"wordcount", wordcount_filter},
      {"format", format_filter},
      {"string", string_filter},
      {"safe", string_filter},
      {"e", escape_filter},
      {"escape", escape_filter},
      {"forceescape", escape_filter},
      {"tojson", tojson_filter},
      {"urlencode", urlencode_filter},
  };
  return filters;
}

}  // namespace llm::text::jinja
