#include <algorithm>

#include "text/jinja/filters.h"
#include "text/jinja/methods.h"
#include "text/jinja/objects.h"
#include "text/jinja/operators.h"
#include "text/jinja/text_ops.h"
#include "text/jinja/unicode.h"

namespace llm::text::jinja {
namespace {

Value list_filter(Interpreter& interpreter, const Value& value, const Args& args) {
  require_no_arguments("list", args);
  const OriginId origin = value.is_sequence() ? value.sequence().origin : kTemplateOrigin;
  return interpreter.list(interpreter.iterate(value), SequenceKind::kList, origin);
}

Value length_filter(Interpreter&, const Value& value, const Args& args) {
  require_no_arguments("length", args);
  return length(value);
}

Value first_filter(Interpreter& interpreter, const Value& value, const Args& args) {
  require_no_arguments("first", args);
  if (value.is_string() && !value.text().empty())
    return interpreter.text(value.text().slice(0, character_at(value.bytes(), 0).end));
  std::vector<Value> items = interpreter.iterate(value);
  return items.empty() ? Value::undefined("No first item, sequence was empty.") : items.front();
}

Value last_filter(Interpreter& interpreter, const Value& value, const Args& args) {
  require_no_arguments("last", args);
  if (value.is_sequence() && value.sequence().kind == SequenceKind::kGenerator)
    throw RenderFailure("'generator' object is not reversible");
  if (value.is_string() && !value.text().empty())
    return interpreter.text(
        value.text().slice(character_before(value.bytes(), value.bytes().size()).begin));
  std::vector<Value> items = interpreter.iterate(value);
  return items.empty() ? Value::undefined("No last item, sequence was empty.") : items.back();
}

std::vector<Value> sort_keys(Interpreter& interpreter, const Value& item,
                             const std::vector<AttributePath>& paths, bool is_case_sensitive) {
  std::vector<Value> keys;
  for (const AttributePath& path : paths)
    keys.push_back(sort_key(follow(interpreter, item, path), is_case_sensitive));
  return keys;
}

bool is_less_keys(const std::vector<Value>& a, const std::vector<Value>& b, Budget& budget) {
  for (size_t i = 0; i < a.size(); ++i)
    if (!equals(a[i], b[i], budget)) return is_less(a[i], b[i], budget);
  return false;
}

// Stable, also in reverse, as Python's sorted.
std::vector<Value> sorted(Interpreter& interpreter, const std::vector<Value>& items,
                          const std::vector<AttributePath>& paths, bool is_case_sensitive,
                          bool is_reverse) {
  struct Keyed {
    std::vector<Value> keys;
    Value item;
  };
  interpreter.budget().charge_many(static_cast<int64_t>(items.size()), sizeof(Keyed));
  std::vector<Keyed> keyed;
  for (const Value& item : items)
    keyed.push_back({sort_keys(interpreter, item, paths, is_case_sensitive), item});
  std::ranges::stable_sort(keyed, [&](const Keyed& a, const Keyed& b) {
    return is_reverse ? is_less_keys(b.keys, a.keys, interpreter.budget())
                      : is_less_keys(a.keys, b.keys, interpreter.budget());
  });
  std::vector<Value> out;
  for (Keyed& one : keyed) out.push_back(std::move(one.item));
  return out;
}

Value sort_filter(Interpreter& interpreter, const Value& value, const Args& args) {
  const Bound bound("sort", args, {"reverse", "case_sensitive", "attribute"});
  std::vector<AttributePath> paths;
  if (bound.is_set(2) && bound.at(2).is_string()) {
    for (const Text& part : split(bound.text(2), ",", -1, interpreter.budget()))
      paths.push_back(attribute_path(part));
  } else {
    paths.push_back(bound.is_set(2) ? attribute_path(bound.at(2)) : AttributePath());
  }
  return interpreter.list(sorted(interpreter, interpreter.iterate(value), paths,
                                 bound.truth_or(1, false), bound.truth_or(0, false)));
}

Value dictsort_filter(Interpreter& interpreter, const Value& value, const Args& args) {
  const Bound bound("dictsort", args, {"case_sensitive", "by", "reverse"});
  require_defined(value);
  if (!value.is_dict()) throw RenderFailure("dictsort needs a mapping");
  const std::string by = bound.has(1) ? bound.text(1).bytes() : "key";
  if (by != "key" && by != "value")
    throw RenderFailure("You can only sort by either \"key\" or \"value\"");
  const std::vector<AttributePath> paths = {{int64_t{by == "value"}}};
  const Value pairs = call_method(interpreter, value, "items", {});
  return interpreter.list(sorted(interpreter, pairs.sequence().items, paths,
                                 bound.truth_or(0, false), bound.truth_or(2, false)));
}

Value unique_filter(Interpreter& interpreter, const Value& value, const Args& args) {
  const Bound bound("unique", args, {"case_sensitive", "attribute"});
  const AttributePath path = bound.is_set(1) ? attribute_path(bound.at(1)) : AttributePath();
  std::vector<Value> kept;
  Dict seen;
  for (Value& item : interpreter.iterate(value)) {
    const Value key = sort_key(follow(interpreter, item, path), bound.truth_or(0, false));
    if (find(seen, key, interpreter.budget())) continue;
    insert(seen, key, true, interpreter.budget());
    kept.push_back(std::move(item));
  }
  return interpreter.list(std::move(kept), SequenceKind::kGenerator);
}

Value reverse_filter(Interpreter& interpreter, const Value& value, const Args& args) {
  require_no_arguments("reverse", args);
  if (value.is_string()) return slice(interpreter, value, None{}, None{}, int64_t{-1});
  const bool is_generator =
      value.is_sequence() && value.sequence().kind == SequenceKind::kGenerator;
  std::vector<Value> items = interpreter.iterate(value);
  std::ranges::reverse(items);
  return interpreter.list(std::move(items),
                          is_generator ? SequenceKind::kList : SequenceKind::kGenerator);
}

Value batch_filter(Interpreter& interpreter, const Value& value, const Args& args) {
  const Bound bound("batch", args, {"linecount", "fill_with"}, 1);
  const int64_t size = bound.integer_or(0, 1);
  std::vector<Value> lines;
  std::vector<Value> line;
  for (Value& item : interpreter.iterate(value)) {
    if (static_cast<int64_t>(line.size()) == size)
      lines.push_back(interpreter.list(std::exchange(line, {})));
    line.push_back(std::move(item));
  }
  if (!line.empty()) {
    const int64_t missing = size - static_cast<int64_t>(line.size());
    if (bound.is_set(1) && missing > 0) {
      interpreter.budget().charge_many(missing, sizeof(Value));
      line.insert(line.end(), static_cast<size_t>(missing), bound.at(1));
    }
    lines.push_back(interpreter.list(std::move(line)));
  }
  return interpreter.list(std::move(lines), SequenceKind::kGenerator);
}

Value slice_filter(Interpreter& interpreter, const Value& value, const Args& args) {
  const Bound bound("slice", args, {"slices", "fill_with"}, 1);
  const std::vector<Value> items = interpreter.iterate(value);
  const int64_t slices = bound.integer_or(0, 1);
  if (slices == 0) throw RenderFailure("division by zero");
  const auto size = static_cast<int64_t>(items.size());
  interpreter.budget().charge_many(slices, sizeof(Sequence));
  std::vector<Value> out;
  auto at = items.begin();
  for (int64_t i = 0; i < slices; ++i) {
    const bool has_extra = i < size % slices;
    const auto end = at + size / slices + (has_extra ? 1 : 0);
    std::vector<Value> part(at, end);
    if (bound.is_set(1) && !has_extra) part.push_back(bound.at(1));
    out.push_back(interpreter.list(std::move(part)));
    at = end;
  }
  return interpreter.list(std::move(out), SequenceKind::kGenerator);
}

Value groupby_filter(Interpreter& interpreter, const Value& value, const Args& args) {
  const Bound bound("groupby", args, {"attribute", "default", "case_sensitive"}, 1);
  const AttributePath path = attribute_path(bound.at(0));
  const bool is_case_sensitive = bound.truth_or(2, false);
  const auto group_of = [&](const Value& item) {
    Value found = follow(interpreter, item, path);
    return found.is_undefined() && bound.is_set(1) ? bound.at(1) : found;
  };
  std::vector<Value> pairs;  // (key, item)
  for (const Value& item : interpreter.iterate(value))
    pairs.push_back(interpreter.list({sort_key(group_of(item), is_case_sensitive), item}));
  pairs = sorted(interpreter, pairs, {{int64_t{0}}}, true, false);
  std::vector<Value> groups;
  for (size_t begin = 0, end = 0; begin < pairs.size(); begin = end) {
    std::vector<Value> members;
    const Value& key = pairs[begin].sequence().items[0];
    for (; end < pairs.size() && equals(key, pairs[end].sequence().items[0], interpreter.budget());
         ++end)
      members.push_back(pairs[end].sequence().items[1]);
    const Value shown = group_of(members[0]);
    groups.push_back(
        interpreter.list({shown, interpreter.list(std::move(members))}, SequenceKind::kGroup));
  }
  return interpreter.list(std::move(groups));
}

Value sum_filter(Interpreter& interpreter, const Value& value, const Args& args) {
  const Bound bound("sum", args, {"attribute", "start"});
  const AttributePath path = bound.is_set(0) ? attribute_path(bound.at(0)) : AttributePath();
  Value total = bound.value_or(1, int64_t{0});
  if (total.is_string()) throw RenderFailure("sum() can't sum strings");
  for (const Value& item : interpreter.iterate(value))
    total = binary(interpreter, "+", total, follow(interpreter, item, path));
  return total;
}

template <bool wants_max>
Value extreme_filter(Interpreter& interpreter, const Value& value, const Args& args) {
  const Bound bound(wants_max ? "max" : "min", args, {"case_sensitive", "attribute"});
  const AttributePath path = bound.is_set(1) ? attribute_path(bound.at(1)) : AttributePath();
  const std::vector<Value> items = interpreter.iterate(value);
  if (items.empty()) return Value::undefined("No aggregated item, sequence was empty.");
  const auto key_of = [&](const Value& item) {
    return sort_key(follow(interpreter, item, path), bound.truth_or(0, false));
  };
  Value best = items[0];
  Value best_key = key_of(best);
  for (size_t i = 1; i < items.size(); ++i) {
    const Value key = key_of(items[i]);
    const bool is_better = wants_max ? is_less(best_key, key, interpreter.budget())
                                     : is_less(key, best_key, interpreter.budget());
    if (!is_better) continue;
    best = items[i];
    best_key = key;
  }
  return best;
}

Value items_filter(Interpreter& interpreter, const Value& value, const Args& args) {
  require_no_arguments("items", args);
  if (value.is_undefined()) return interpreter.list({}, SequenceKind::kGenerator);
  if (!value.is_dict()) throw RenderFailure("Can only get item pairs from a mapping.");
  const Value view = call_method(interpreter, value, "items", {});
  return interpreter.list(view.sequence().items, SequenceKind::kGenerator);
}

Value default_filter(Interpreter&, const Value& value, const Args& args) {
  const Bound bound("default", args, {"default_value", "boolean"});
  const bool is_missing = value.is_undefined() || (bound.truth_or(1, false) && !is_true(value));
  return is_missing ? bound.value_or(0, Text()) : value;
}

Value attr_filter(Interpreter& interpreter, const Value& value, const Args& args) {
  const Bound bound("attr", args, {"name"}, 1);
  const std::string& name = bound.text(0).bytes();
  const bool has_attributes = dynamic_cast<WithAttributes*>(value.object()) != nullptr ||
                              method_kind(value, name) != MethodKind::kNone;
  if (has_attributes) return interpreter.attribute(value, name);
  return Value::undefined(fmt::format("'{} object' has no attribute '{}'", type_name(value), name));
}

}  // namespace

AttributePath attribute_path(const Value& attribute) {
  if (attribute.is_none()) return {};
  if (!attribute.is_string()) return {attribute};
  AttributePath path;
  const std::string_view name = attribute.bytes();
  for (size_t at = 0; at <= name.size();) {
    const size_t end = std::min(name.find('.', at), name.size());
    const std::string part(name.substr(at, end - at));
    const bool is_index = !part.empty() && part.size() < 10 &&
                          part.find_first_not_of("0123456789") == std::string::npos;
    path.push_back(is_index ? Value(int64_t{std::stoll(part)}) : Value(Text(part)));
    at = end + 1;
  }
  return path;
}

Value follow(Interpreter& interpreter, Value item, const AttributePath& path) {
  for (const Value& step : path) item = interpreter.item(item, step);
  return item;
}

Value sort_key(const Value& value, bool is_case_sensitive) {
  if (is_case_sensitive || !value.is_string()) return value;
  return change_case(value.text(), CaseChange::kLower);
}

const FilterTable& sequence_filters() {
  static const FilterTable filters = {
      {"list", list_filter},         {"length", length_filter},      {"count", length_filter},
      {"first", first_filter},       {"last", last_filter},          {"sort", sort_filter},
      {"dictsort", dictsort_filter}, {"unique", unique_filter},      {"reverse", reverse_filter},
      {"batch", batch_filter},       {"slice", slice_filter},        {"groupby", groupby_filter},
      {"sum", sum_filter},           {"min", extreme_filter<false>}, {"max", extreme_filter<true>},
      {"items", items_filter},       {"default", default_filter},    {"d", default_filter},
      {"attr", attr_filter},
  };
  return filters;
}

}  // namespace llm::text::jinja
