#include "text/jinja/methods.h"
#include "text/jinja/objects.h"
#include "text/jinja/operators.h"
#include "text/jinja/unicode.h"

namespace llm::text::jinja {
namespace {

std::vector<Value> characters_of(Interpreter& interpreter, const Text& text) {
  interpreter.budget().charge(text.size() * (sizeof(Value) + sizeof(Text) + sizeof(Piece)));
  std::vector<Value> out;
  for (size_t at = 0; at < text.size();) {
    const size_t end = character_at(text.bytes(), at).end;
    out.push_back(text.slice(at, end));
    at = end;
  }
  return out;
}

std::vector<Value> keys_of(const Dict& dict) {
  std::vector<Value> keys;
  for (const auto& [key, value] : dict.items) keys.push_back(key);
  return keys;
}

Value missing_attribute(const Value& value, std::string_view name) {
  return Value::undefined(fmt::format("'{} object' has no attribute '{}'", type_name(value), name));
}

Value* item_of_sequence(const Sequence& sequence, const Value& key) {
  const bool has_items =
      sequence.kind != SequenceKind::kGenerator && sequence.kind != SequenceKind::kView;
  if (!has_items || !key.is_integer()) return nullptr;
  const auto size = static_cast<int64_t>(sequence.items.size());
  const int64_t index = key.integer() < 0 ? key.integer() + size : key.integer();
  if (index < 0 || index >= size) return nullptr;
  return const_cast<Value*>(&sequence.items[static_cast<size_t>(index)]);
}

}  // namespace

std::vector<Value> Interpreter::iterate(const Value& value) {
  if (value.is_undefined()) return {};
  if (value.is_dict()) return keys_of(value.dict());
  if (value.is_string()) return characters_of(*this, value.text());
  if (!value.is_sequence())
    throw RenderFailure(fmt::format("'{}' object is not iterable", type_name(value)));
  Sequence& sequence = value.sequence();
  if (sequence.kind == SequenceKind::kGenerator && std::exchange(sequence.is_consumed, true))
    return {};
  budget_.charge(sequence.items.size() * sizeof(Value));
  return sequence.items;
}

// jinja2's getattr: a method or attribute, else an item of that name.
Value Interpreter::attribute(const Value& value, std::string_view name) {
  require_defined(value);
  if (auto* object = dynamic_cast<WithAttributes*>(value.object())) {
    if (auto found = object->attribute(*this, name)) return std::move(*found);
    return missing_attribute(value, name);
  }
  if (value.is_sequence() && value.sequence().kind == SequenceKind::kGroup) {
    if (name == "grouper") return value.sequence().items[0];
    if (name == "list") return value.sequence().items[1];
  }
  switch (method_kind(value, name)) {
    case MethodKind::kSafe:
      return make_object<Method>(value, std::string(name));
    case MethodKind::kForbidden:
      return Value::undefined(fmt::format("access to attribute '{}' of '{}' object is unsafe.",
                                          name, type_name(value)));
    case MethodKind::kNone:
      break;
  }
  if (value.is_dict()) {
    budget_.step(static_cast<int64_t>(value.dict().items.size() / 8));
    if (const Value* found = value.dict().find(name)) return *found;
  }
  return missing_attribute(value, name);
}

// jinja2's getitem: an item, else an attribute of that name.
Value Interpreter::item(const Value& value, const Value& key) {
  require_defined(value);
  if (value.is_dict()) {
    const bool is_hashable =
        !key.is_dict() && !(key.is_sequence() && key.sequence().kind == SequenceKind::kList);
    if (is_hashable) {
      if (const Value* found = find(value.dict(), key, budget_)) return *found;
    }
  } else if (value.is_sequence()) {
    if (const Value* found = item_of_sequence(value.sequence(), key)) return *found;
  } else if (value.is_string() && key.is_integer()) {
    const int64_t size = count_characters(value.bytes());
    const int64_t index = key.integer() < 0 ? key.integer() + size : key.integer();
    if (index >= 0 && index < size) {
      const size_t begin = byte_of_character(value.bytes(), index);
      return text(value.text().slice(begin, character_at(value.bytes(), begin).end));
    }
  }
  if (key.is_string()) return attribute(value, key.bytes());
  return Value::undefined(
      fmt::format("{} object has no element {}", type_name(value), to_repr(key, budget_).bytes()));
}

Value Interpreter::call(const Value& callee, Args args) {
  require_defined(callee);
  auto* callable = dynamic_cast<Callable*>(callee.object());
  if (!callable) throw RenderFailure(fmt::format("'{}' object is not callable", type_name(callee)));
  return callable->call(*this, std::move(args));
}

Value Interpreter::eval(const Expr& node) {
  const Budget::Nested nested(budget_);
  budget_.step();
  line_ = node.line;
  switch (node.kind) {
    case ExprKind::kConstant:
      return node.constant;
    case ExprKind::kName:
      return eval_name(node);
    case ExprKind::kNamespaceField:
      return None{};  // only ever a target
    case ExprKind::kTuple:
    case ExprKind::kList:
    case ExprKind::kDict:
      return eval_container(node);
    case ExprKind::kUnary: {
      const Value value = eval(*node.operands[0]);
      return node.name == "-" ? negate(value) : negate(negate(value));
    }
    case ExprKind::kBinary: {
      const Value left = eval(*node.operands[0]);
      const Value right = eval(*node.operands[1]);
      line_ = node.line;
      return binary(*this, node.name, left, right);
    }
    case ExprKind::kConcat:
      return eval_concat(node);
    case ExprKind::kCompare:
      return eval_compare(node);
    case ExprKind::kNot:
      return !is_true(eval(*node.operands[0]));
    case ExprKind::kAnd: {
      Value left = eval(*node.operands[0]);
      return is_true(left) ? eval(*node.operands[1]) : left;
    }
    case ExprKind::kOr: {
      Value left = eval(*node.operands[0]);
      return is_true(left) ? left : eval(*node.operands[1]);
    }
    case ExprKind::kCondition:
      return eval_condition(node);
    case ExprKind::kAttribute: {
      const Value value = eval(*node.operands[0]);
      line_ = node.line;
      return attribute(value, node.name);
    }
    case ExprKind::kItem:
      return eval_item(node);
    case ExprKind::kSlice:
      throw RenderFailure("a slice outside of the end of a subscript");
    case ExprKind::kCall:
      return eval_call(node);
    case ExprKind::kFilter:
      return apply_filter(node, nullptr);
    case ExprKind::kTest: {
      const Value value = eval(*node.operands[0]);
      const Args args = eval_args(node.call);
      line_ = node.line;
      return test(node.name, value, args);
    }
  }
  return None{};
}

Value Interpreter::eval_name(const Expr& node) {
  if (const Value* found = scope_->find(node.name)) return *found;
  return Value::undefined(fmt::format("'{}' is undefined", node.name));
}

Value Interpreter::eval_container(const Expr& node) {
  if (node.kind == ExprKind::kDict) {
    auto dict = std::make_shared<Dict>();
    for (size_t i = 0; i + 1 < node.operands.size(); i += 2) {
      const Value key = eval(*node.operands[i]);
      insert(*dict, key, eval(*node.operands[i + 1]), budget_);
    }
    return dict;
  }
  std::vector<Value> items;
  for (const ExprPtr& operand : node.operands) items.push_back(eval(*operand));
  const bool is_tuple = node.kind == ExprKind::kTuple;
  return list(std::move(items), is_tuple ? SequenceKind::kTuple : SequenceKind::kList);
}

Value Interpreter::eval_concat(const Expr& node) {
  TextBuilder out(budget_);
  for (const ExprPtr& operand : node.operands) out.add(to_text(eval(*operand)));
  return text(out.take());
}

bool Interpreter::compare(const std::string& what, const Value& a, const Value& b) {
  if (what == "==") return equals(a, b, budget_);
  if (what == "!=") return !equals(a, b, budget_);
  if (what == "in") return contains(*this, b, a);
  if (what == "not in") return !contains(*this, b, a);
  if (what == "<") return is_less(a, b, budget_);
  if (what == ">") return is_less(b, a, budget_);
  // Not the opposite of the other order: with NaN neither holds.
  if (what == "<=") return is_less(a, b, budget_) || equals(a, b, budget_);
  return is_less(b, a, budget_) || equals(a, b, budget_);
}

Value Interpreter::eval_compare(const Expr& node) {
  Value left = eval(*node.operands[0]);
  for (size_t i = 0; i < node.operators.size(); ++i) {
    Value right = eval(*node.operands[i + 1]);
    line_ = node.line;
    if (!compare(node.operators[i], left, right)) return false;
    left = std::move(right);
  }
  return true;
}

Value Interpreter::eval_condition(const Expr& node) {
  if (is_true(eval(*node.operands[1]))) return eval(*node.operands[0]);
  if (node.operands.size() > 2) return eval(*node.operands[2]);
  return Value::undefined(
      fmt::format("the inline if-expression on line {} evaluated to false and no else section "
                  "was defined.",
                  node.line));
}

Value Interpreter::eval_item(const Expr& node) {
  const Value value = eval(*node.operands[0]);
  const Expr& key = *node.operands[1];
  if (key.kind != ExprKind::kSlice) {
    const Value index = eval(key);
    line_ = node.line;
    return item(value, index);
  }
  Value bounds[3];
  for (size_t i = 0; i < 3; ++i)
    if (key.operands[i]) bounds[i] = eval(*key.operands[i]);
  line_ = node.line;
  return slice(*this, value, bounds[0], bounds[1], bounds[2]);
}

Args Interpreter::eval_args(const CallArgs& call) {
  Args args;
  for (const ExprPtr& value : call.positional) args.positional.push_back(eval(*value));
  for (const auto& [name, value] : call.named) args.named.emplace_back(name, eval(*value));
  if (call.star) {
    for (Value& value : iterate(eval(*call.star))) args.positional.push_back(std::move(value));
  }
  if (call.double_star) {
    const Value rest = eval(*call.double_star);
    if (!rest.is_dict()) throw RenderFailure("the argument after ** must be a mapping");
    for (const auto& [name, value] : rest.dict().items)
      args.named.emplace_back(std::string(to_string(name, "**").bytes()), value);
  }
  return args;
}

Value Interpreter::eval_call(const Expr& node) {
  const Value callee = eval(*node.operands[0]);
  Args args = eval_args(node.call);
  line_ = node.line;
  Value result = call(callee, std::move(args));
  line_ = node.line;
  return result;
}

// `block`: the text of a {% filter %} or {% set %} block, at the start of the filters' chain.
Value Interpreter::apply_filter(const Expr& node, const Value* block) {
  Value value = *(block ? block : &node.constant);
  if (!node.operands.empty()) {
    const Expr& operand = *node.operands[0];
    value = block ? apply_filter(operand, block) : eval(operand);
  }
  const Args args = eval_args(node.call);
  line_ = node.line;
  return filter(node.name, value, args);
}

}  // namespace llm::text::jinja
