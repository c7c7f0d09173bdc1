#include "text/jinja/value.h"

#include <cmath>

namespace llm::text::jinja {
namespace {

const char* sequence_type(const Sequence& sequence) {
  switch (sequence.kind) {
    case SequenceKind::kList:
      return "list";
    case SequenceKind::kTuple:
    case SequenceKind::kGroup:
      return "tuple";
    case SequenceKind::kGenerator:
      return "generator";
    case SequenceKind::kRange:
      return "range";
    case SequenceKind::kView:
      return "dict view";
  }
  return "list";
}

bool is_tuple(const Sequence& sequence) {
  return sequence.kind == SequenceKind::kTuple || sequence.kind == SequenceKind::kGroup;
}

bool equal_sequences(const Value& a, const Value& b, Budget& budget) {
  const Sequence& left = a.sequence();
  const Sequence& right = b.sequence();
  if (&left == &right) return true;
  const bool is_comparable = left.kind != SequenceKind::kGenerator &&
                             (left.kind == right.kind || (is_tuple(left) && is_tuple(right)));
  if (!is_comparable || left.items.size() != right.items.size()) return false;
  for (size_t i = 0; i < left.items.size(); ++i)
    if (!equals(left.items[i], right.items[i], budget)) return false;
  return true;
}

bool equal_dicts(const Dict& a, const Dict& b, Budget& budget) {
  if (&a == &b) return true;
  if (a.items.size() != b.items.size()) return false;
  for (const auto& [key, value] : a.items) {
    const Value* other = find(b, key, budget);
    if (!other || !equals(value, *other, budget)) return false;
  }
  return true;
}

bool equal_numbers(const Value& a, const Value& b) {
  if (a.is_integer() && b.is_integer()) return a.integer() == b.integer();
  return a.number() == b.number();
}

[[noreturn]] void refuse_order(const Value& a, const Value& b) {
  throw RenderFailure(fmt::format("'<' not supported between instances of '{}' and '{}'",
                                  type_name(a), type_name(b)));
}

bool is_less_sequence(const Value& a, const Value& b, Budget& budget) {
  const Sequence& left = a.sequence();
  const Sequence& right = b.sequence();
  const bool has_order = (is_tuple(left) && is_tuple(right)) ||
                         (left.kind == right.kind && left.kind == SequenceKind::kList);
  if (!has_order) refuse_order(a, b);
  const size_t shared = std::min(left.items.size(), right.items.size());
  for (size_t i = 0; i < shared; ++i) {
    if (!equals(left.items[i], right.items[i], budget))
      return is_less(left.items[i], right.items[i], budget);
  }
  return left.items.size() < right.items.size();
}

void require_hashable(const Value& key) {
  if (key.is_dict() || (key.is_sequence() && key.sequence().kind == SequenceKind::kList))
    throw RenderFailure(fmt::format("unhashable type: '{}'", type_name(key)));
}

}  // namespace

bool Value::is_same(const Value& other) const {
  if (data_.index() != other.data_.index()) return false;
  if (is_none()) return true;
  if (is<bool>()) return boolean() == other.boolean();
  // Python shares small integers and equal short strings.
  if (is<int64_t>()) return integer() == other.integer();
  if (is<double>()) return number() == other.number();
  if (is_string()) return bytes() == other.bytes();
  if (is_sequence()) return &sequence() == &other.sequence();
  if (is_dict()) return &dict() == &other.dict();
  if (is_undefined())
    return std::get<Undefined>(data_).message == std::get<Undefined>(other.data_).message;
  return object() == other.object();
}

const Value* Dict::find(std::string_view key) const {
  for (const auto& [name, value] : items)
    if (name.is_string() && name.bytes() == key) return &value;
  return nullptr;
}

int depth_of(const Value& value) {
  if (value.is_sequence()) return value.sequence().depth;
  if (value.is_dict()) return value.dict().depth;
  return 0;
}

std::string type_name(const Value& value) {
  if (value.is_none()) return "NoneType";
  if (value.is<bool>()) return "bool";
  if (value.is<int64_t>()) return "int";
  if (value.is<double>()) return "float";
  if (value.is_string()) return "str";
  if (value.is_sequence()) return sequence_type(value.sequence());
  if (value.is_dict()) return "dict";
  if (value.is_undefined()) return "Undefined";
  return value.object()->type_name();
}

bool is_true(const Value& value) {
  if (value.is_none() || value.is_undefined()) return false;
  if (value.is<bool>()) return value.boolean();
  if (value.is<int64_t>()) return value.integer() != 0;
  if (value.is<double>()) return value.number() != 0;
  if (value.is_string()) return !value.text().empty();
  if (value.is_sequence())
    return value.sequence().kind == SequenceKind::kGenerator || !value.sequence().items.empty();
  if (value.is_dict()) return !value.dict().items.empty();
  return true;
}

bool equals(const Value& a, const Value& b, Budget& budget) {
  budget.step();
  if (a.is_number() && b.is_number()) return equal_numbers(a, b);
  if (a.is_string() && b.is_string()) {
    budget.charge(std::min(a.bytes().size(), b.bytes().size()) / 64);
    return a.bytes() == b.bytes();
  }
  if (a.is_sequence() && b.is_sequence()) return equal_sequences(a, b, budget);
  if (a.is_dict() && b.is_dict()) return equal_dicts(a.dict(), b.dict(), budget);
  if (a.is_undefined() && b.is_undefined()) return true;
  return a.is_same(b);
}

bool is_less(const Value& a, const Value& b, Budget& budget) {
  budget.step();
  require_defined(a);
  require_defined(b);
  if (a.is_integer() && b.is_integer()) return a.integer() < b.integer();
  if (a.is_number() && b.is_number()) return a.number() < b.number();
  if (a.is_string() && b.is_string()) return a.bytes() < b.bytes();
  if (a.is_sequence() && b.is_sequence()) return is_less_sequence(a, b, budget);
  refuse_order(a, b);
}

const Value* find(const Dict& dict, const Value& key, Budget& budget) {
  require_hashable(key);
  if (key.is_string()) {
    budget.step(1 + static_cast<int64_t>(dict.items.size() / 8));
    return dict.find(key.bytes());
  }
  for (const auto& [name, value] : dict.items)
    if (equals(name, key, budget)) return &value;
  return nullptr;
}

void insert(Dict& dict, const Value& key, Value value, Budget& budget) {
  dict.depth = std::max({dict.depth, depth_of(value) + 1, depth_of(key) + 1});
  if (dict.depth > kMaxContainerDepth)
    throw RenderFailure(fmt::format("containers nested more than {} deep", kMaxContainerDepth));
  if (const Value* found = find(dict, key, budget)) {
    *const_cast<Value*>(found) = std::move(value);
    return;
  }
  budget.charge(sizeof(std::pair<Value, Value>));
  dict.items.emplace_back(key, std::move(value));
}

void require_defined(const Value& value) {
  if (value.is_undefined()) throw RenderFailure(value.undefined_message());
}

}  // namespace llm::text::jinja
