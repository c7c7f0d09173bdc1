#include <algorithm>
#include <functional>

#include "text/jinja/filters.h"

namespace llm::text::jinja {
namespace {

Args without_first(const Args& args, size_t count) {
  Args rest = args;
  rest.positional.erase(rest.positional.begin(),
                        rest.positional.begin() + static_cast<ptrdiff_t>(count));
  return rest;
}

// Nothing of None, 0 and the like, as jinja2 has it.
std::vector<Value> iterate_if_true(Interpreter& interpreter, const Value& value) {
  return is_true(value) ? interpreter.iterate(value) : std::vector<Value>();
}

Value map_attribute(Interpreter& interpreter, const Value& value, const Args& args) {
  const Bound bound("map", args, {"attribute", "default"});
  const AttributePath path = attribute_path(bound.at(0));
  std::vector<Value> out;
  for (const Value& item : iterate_if_true(interpreter, value)) {
    Value found = item;
    for (const Value& step : path) {
      found = interpreter.item(found, step);
      if (found.is_undefined() && bound.is_set(1)) found = bound.at(1);
    }
    out.push_back(std::move(found));
  }
  return interpreter.list(std::move(out), SequenceKind::kGenerator);
}

Value map_filter(Interpreter& interpreter, const Value& value, const Args& args) {
  const bool has_attribute =
      std::ranges::any_of(args.named, [](const auto& named) { return named.first == "attribute"; });
  if (args.positional.empty() && has_attribute) return map_attribute(interpreter, value, args);
  if (args.positional.empty()) throw RenderFailure("map requires a filter argument");
  const std::string name = to_string(args.positional[0], "map").bytes();
  const Args rest = without_first(args, 1);
  std::vector<Value> out;
  for (const Value& item : iterate_if_true(interpreter, value))
    out.push_back(interpreter.filter(name, item, rest));
  return interpreter.list(std::move(out), SequenceKind::kGenerator);
}

// select and reject; with `by_attribute` the first argument names what is tested of an item.
template <bool keeps, bool by_attribute>
Value select_filter(Interpreter& interpreter, const Value& value, const Args& args) {
  const size_t offset = by_attribute ? 1 : 0;
  if (args.positional.size() < offset) throw RenderFailure("Missing parameter for attribute name");
  const AttributePath path = by_attribute ? attribute_path(args.positional[0]) : AttributePath();
  const bool has_test = args.positional.size() > offset;
  const std::string name =
      has_test ? to_string(args.positional[offset], "select").bytes() : std::string();
  const Args rest = has_test ? without_first(args, offset + 1) : Args();
  std::vector<Value> out;
  for (Value& item : iterate_if_true(interpreter, value)) {
    const Value tested = follow(interpreter, item, path);
    const bool is_chosen = has_test ? interpreter.test(name, tested, rest) : is_true(tested);
    if (is_chosen == keeps) out.push_back(std::move(item));
  }
  return interpreter.list(std::move(out), SequenceKind::kGenerator);
}

}  // namespace

const FilterTable& selection_filters() {
  static const FilterTable filters = {
      {"map", map_filter},
      {"select", select_filter<true, false>},
      {"reject", select_filter<false, false>},
      {"selectattr", select_filter<true, true>},
      {"rejectattr", select_filter<false, true>},
  };
  return filters;
}

bool has_filter(const std::string& name) {
  return text_filters().contains(name) || sequence_filters().contains(name) ||
         selection_filters().contains(name) || number_filters().contains(name);
}

Value Interpreter::filter(const std::string& name, const Value& value, const Args& args) {
  budget_.step();
  for (const FilterTable* table :
       {&text_filters(), &sequence_filters(), &selection_filters(), &number_filters()}) {
    const auto found = table->find(name);
    if (found != table->end()) return found->second(*this, value, args);
  }
  throw RenderFailure(fmt::format("no filter named '{}'", name));
}

}  // namespace llm::text::jinja
