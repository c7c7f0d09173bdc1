#include <algorithm>
#include <array>

#include "text/jinja/methods.h"

namespace llm::text::jinja {
namespace {

constexpr std::array<std::string_view, 6> kDictMethods = {"items", "keys", "values",
                                                          "get",   "copy", "fromkeys"};
constexpr std::array<std::string_view, 5> kDictChanges = {"clear", "pop", "popitem", "setdefault",
                                                          "update"};
constexpr std::array<std::string_view, 3> kListMethods = {"count", "index", "copy"};
constexpr std::array<std::string_view, 8> kListChanges = {"append", "clear", "pop",    "reverse",
                                                          "insert", "sort",  "extend", "remove"};

MethodKind kind_in(auto& safe, auto& changes, std::string_view name) {
  if (std::ranges::find(safe, name) != std::end(safe)) return MethodKind::kSafe;
  return std::ranges::find(changes, name) != std::end(changes) ? MethodKind::kForbidden
                                                               : MethodKind::kNone;
}

Value view(Interpreter& interpreter, const Dict& dict, const std::string& name) {
  std::vector<Value> items;
  for (const auto& [key, value] : dict.items) {
    if (name == "items") {
      items.push_back(interpreter.list({key, value}, SequenceKind::kTuple, dict.origin));
    } else {
      items.push_back(name == "keys" ? key : value);
    }
  }
  Value out = interpreter.list(std::move(items), SequenceKind::kView, dict.origin);
  out.sequence().label = "dict_" + name;
  return out;
}

Value call_dict_method(Interpreter& interpreter, const Value& self, const std::string& name,
                       const Args& args) {
  const Dict& dict = self.dict();
  if (name == "get") {
    const Bound bound("get", args, {"key", "default"}, 1);
    const Value* found = find(dict, bound.at(0), interpreter.budget());
    return found ? *found : bound.value_or(1, None{});
  }
  if (name == "fromkeys") {
    const Bound bound("fromkeys", args, {"iterable", "value"}, 1);
    auto made = std::make_shared<Dict>();
    for (const Value& key : interpreter.iterate(bound.at(0)))
      insert(*made, key, bound.value_or(1, None{}), interpreter.budget());
    return made;
  }
  require_no_arguments(name, args);
  return name == "copy" ? self : view(interpreter, dict, name);
}

Value call_list_method(Interpreter& interpreter, const Value& self, const std::string& name,
                       const Args& args) {
  const std::vector<Value>& items = self.sequence().items;
  if (name == "copy") {
    require_no_arguments(name, args);
    return self;
  }
  const Bound bound(name, args, {"value", "start", "end"}, 1);
  int64_t count = 0;
  for (size_t i = 0; i < items.size(); ++i) {
    if (!equals(items[i], bound.at(0), interpreter.budget())) continue;
    if (name == "index") return static_cast<int64_t>(i);
    ++count;
  }
  if (name == "index") throw RenderFailure("the value is not in the list");
  return count;
}

}  // namespace

MethodKind method_kind(const Value& value, std::string_view name) {
  if (value.is_string()) return has_string_method(name) ? MethodKind::kSafe : MethodKind::kNone;
  if (value.is_dict()) return kind_in(kDictMethods, kDictChanges, name);
  if (!value.is_sequence()) return MethodKind::kNone;
  const SequenceKind kind = value.sequence().kind;
  if (kind == SequenceKind::kList) return kind_in(kListMethods, kListChanges, name);
  const bool has_search =
      kind == SequenceKind::kTuple || kind == SequenceKind::kGroup || kind == SequenceKind::kRange;
  return has_search && (name == "count" || name == "index") ? MethodKind::kSafe : MethodKind::kNone;
}

Value call_method(Interpreter& interpreter, const Value& self, const std::string& name,
                  const Args& args) {
  if (self.is_string()) return call_string_method(interpreter, self, name, args);
  return self.is_dict() ? call_dict_method(interpreter, self, name, args)
                        : call_list_method(interpreter, self, name, args);
}

}  // namespace llm::text::jinja
