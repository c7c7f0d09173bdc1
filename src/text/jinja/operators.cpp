#include "text/jinja/operators.h"

#include <cmath>

#include "text/jinja/format.h"
#include "text/jinja/unicode.h"

namespace llm::text::jinja {
namespace {

[[noreturn]] void refuse_operands(const std::string& what, const Value& a, const Value& b) {
  throw RenderFailure(fmt::format("unsupported operand type(s) for {}: '{}' and '{}'", what,
                                  type_name(a), type_name(b)));
}

[[noreturn]] void refuse_overflow() { throw RenderFailure("a whole number beyond 64 bits"); }

int64_t power(int64_t base, int64_t exponent) {
  int64_t result = 1;
  while (exponent > 0) {
    if ((exponent & 1) && __builtin_mul_overflow(result, base, &result)) refuse_overflow();
    exponent >>= 1;
    if (exponent > 0 && __builtin_mul_overflow(base, base, &base)) refuse_overflow();
  }
  return result;
}

double float_modulo(double a, double b) {
  const double rest = std::fmod(a, b);
  if (rest == 0) return std::copysign(0.0, b);
  return (rest < 0) != (b < 0) ? rest + b : rest;
}

Value binary_integers(const std::string& what, int64_t a, int64_t b) {
  int64_t result = 0;
  bool overflows = false;
  if (what == "+") {
    overflows = __builtin_add_overflow(a, b, &result);
  } else if (what == "-") {
    overflows = __builtin_sub_overflow(a, b, &result);
  } else if (what == "*") {
    overflows = __builtin_mul_overflow(a, b, &result);
  } else if (what == "**") {
    if (b < 0) {
      if (a == 0) throw RenderFailure("0 cannot be raised to a negative power");
      return std::pow(static_cast<double>(a), static_cast<double>(b));
    }
    result = power(a, b);
  } else {
    if (b == 0) throw RenderFailure("division by zero");
    if (what == "/") return static_cast<double>(a) / static_cast<double>(b);
    if (b == -1 && a == INT64_MIN) refuse_overflow();
    result = what == "//" ? floor_divide(a, b) : floor_modulo(a, b);
  }
  if (overflows) refuse_overflow();
  return result;
}

Value binary_floats(const std::string& what, double a, double b) {
  if (what == "+") return a + b;
  if (what == "-") return a - b;
  if (what == "*") return a * b;
  if (what == "**") {
    if (a == 0 && b < 0) throw RenderFailure("0 cannot be raised to a negative power");
    if (a < 0 && b != std::floor(b)) throw RenderFailure("the power is a complex number");
    const double result = std::pow(a, b);
    if (std::isinf(result) && !std::isinf(a) && !std::isinf(b))
      throw RenderFailure("the power is too large");
    return result;
  }
  if (b == 0) throw RenderFailure("division by zero");
  if (what == "/") return a / b;
  if (what == "//") return std::floor((a - float_modulo(a, b)) / b + 0.5);
  return float_modulo(a, b);
}

bool is_list_like(const Value& value) {
  if (!value.is_sequence()) return false;
  const SequenceKind kind = value.sequence().kind;
  return kind == SequenceKind::kList || kind == SequenceKind::kTuple ||
         kind == SequenceKind::kGroup;
}

Value join_sequences(Interpreter& interpreter, const Value& a, const Value& b) {
  const bool is_list = a.sequence().kind == SequenceKind::kList;
  if (is_list != (b.sequence().kind == SequenceKind::kList)) refuse_operands("+", a, b);
  std::vector<Value> items = a.sequence().items;
  items.insert(items.end(), b.sequence().items.begin(), b.sequence().items.end());
  return interpreter.list(std::move(items), is_list ? SequenceKind::kList : SequenceKind::kTuple,
                          a.sequence().origin);
}

Value repeat(Interpreter& interpreter, const Value& value, int64_t count) {
  if (value.is_string()) {
    TextBuilder out(interpreter.budget());
    if (!value.text().empty()) out.repeat(value.text(), count);
    return interpreter.text(out.take());
  }
  const Sequence& sequence = value.sequence();
  interpreter.budget().charge_many(count, sequence.items.size() * sizeof(Value));
  std::vector<Value> items;
  for (int64_t i = 0; i < count && !sequence.items.empty(); ++i)
    items.insert(items.end(), sequence.items.begin(), sequence.items.end());
  const bool is_list = sequence.kind == SequenceKind::kList;
  return interpreter.list(std::move(items), is_list ? SequenceKind::kList : SequenceKind::kTuple,
                          sequence.origin);
}

struct Range {
  int64_t begin;
  int64_t end;
  int64_t step;
};

// As Python's slice.indices.
Range slice_range(int64_t size, const Value& begin, const Value& end, const Value& step) {
  const auto index = [&](const Value& value, int64_t fallback, int64_t low, int64_t high) {
    if (value.is_none()) return fallback;
    int64_t at = to_integer(value, "slice");
    if (at < 0) at = at < -size ? low : at + size;
    return std::clamp(at, low, high);
  };
  const int64_t stride = step.is_none() ? 1 : to_integer(step, "slice");
  if (stride == 0) throw RenderFailure("slice step cannot be zero");
  if (stride > 0) return {index(begin, 0, 0, size), index(end, size, 0, size), stride};
  return {index(begin, size - 1, -1, size - 1), index(end, -1, -1, size - 1), stride};
}

template <class Visit>
void visit_range(const Range& range, Visit&& visit) {
  for (int64_t i = range.begin; range.step > 0 ? i < range.end : i > range.end;) {
    visit(i);
    if (__builtin_add_overflow(i, range.step, &i)) return;
  }
}

Value slice_text(Interpreter& interpreter, const Text& text, const Value& begin, const Value& end,
                 const Value& step) {
  const Range range = slice_range(count_characters(text.bytes()), begin, end, step);
  if (range.step == 1) {
    const size_t first = byte_of_character(text.bytes(), range.begin);
    const size_t last = byte_of_character(text.bytes(), std::max(range.begin, range.end));
    return interpreter.text(text.slice(first, last));
  }
  std::vector<size_t> starts;  // of every character
  interpreter.budget().charge(text.size() * sizeof(size_t));
  for (size_t at = 0; at < text.size(); at = character_at(text.bytes(), at).end)
    starts.push_back(at);
  starts.push_back(text.size());
  TextBuilder out(interpreter.budget());
  visit_range(range, [&](int64_t i) {
    interpreter.budget().step();
    out.add(text.slice(starts[static_cast<size_t>(i)], starts[static_cast<size_t>(i) + 1]));
  });
  return interpreter.text(out.take());
}

}  // namespace

int64_t floor_divide(int64_t a, int64_t b) {
  const int64_t quotient = a / b;
  return a % b != 0 && (a % b < 0) != (b < 0) ? quotient - 1 : quotient;
}

int64_t floor_modulo(int64_t a, int64_t b) {
  const int64_t rest = a % b;
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

Value binary(Interpreter& interpreter, const std::string& what, const Value& a, const Value& b) {
  require_defined(a);
  if (what == "%" && a.is_string()) {
    Args args;
    if (b.is_sequence() && b.sequence().kind == SequenceKind::kTuple) {
      args.positional = b.sequence().items;
    } else {
      args.positional = {b};
    }
    return interpreter.text(format_percent(interpreter, a.text(), args));
  }
  require_defined(b);
  if (a.is_integer() && b.is_integer()) return binary_integers(what, a.integer(), b.integer());
  if (a.is_number() && b.is_number()) return binary_floats(what, a.number(), b.number());
  if (what == "+") {
    if (a.is_string() && b.is_string()) {
      TextBuilder out(interpreter.budget());
      out.add(a.text());
      out.add(b.text());
      return interpreter.text(out.take());
    }
    if (is_list_like(a) && is_list_like(b)) return join_sequences(interpreter, a, b);
  }
  if (what == "*") {
    if ((a.is_string() || is_list_like(a)) && b.is_integer())
      return repeat(interpreter, a, b.integer());
    if ((b.is_string() || is_list_like(b)) && a.is_integer())
      return repeat(interpreter, b, a.integer());
  }
  refuse_operands(what, a, b);
}

Value negate(const Value& value) {
  require_defined(value);
  if (value.is<double>()) return -value.number();
  if (!value.is_integer())
    throw RenderFailure(fmt::format("bad operand type for unary -: '{}'", type_name(value)));
  if (value.integer() == INT64_MIN) refuse_overflow();
  return -value.integer();
}

bool contains(Interpreter& interpreter, const Value& container, const Value& value) {
  Budget& budget = interpreter.budget();
  if (container.is_string()) {
    require_defined(value);
    if (!value.is_string())
      throw RenderFailure(
          fmt::format("'in <string>' requires string as left operand, not {}", type_name(value)));
    budget.charge(container.bytes().size() / 16);
    return container.bytes().find(value.bytes()) != std::string_view::npos;
  }
  if (container.is_dict()) return find(container.dict(), value, budget) != nullptr;
  for (const Value& item : interpreter.iterate(container))
    if (equals(item, value, budget)) return true;
  return false;
}

Value slice(Interpreter& interpreter, const Value& value, const Value& begin, const Value& end,
            const Value& step) {
  require_defined(value);
  if (value.is_string()) return slice_text(interpreter, value.text(), begin, end, step);
  const bool is_sliceable =
      is_list_like(value) || (value.is_sequence() && value.sequence().kind == SequenceKind::kRange);
  if (!is_sliceable)
    throw RenderFailure(fmt::format("'{}' object has no slices", type_name(value)));
  const Sequence& sequence = value.sequence();
  std::vector<Value> items;
  visit_range(slice_range(static_cast<int64_t>(sequence.items.size()), begin, end, step),
              [&](int64_t i) { items.push_back(sequence.items[static_cast<size_t>(i)]); });
  const bool is_tuple =
      sequence.kind == SequenceKind::kTuple || sequence.kind == SequenceKind::kGroup;
  return interpreter.list(std::move(items), is_tuple ? SequenceKind::kTuple : SequenceKind::kList,
                          sequence.origin);
}

int64_t length(const Value& value) {
  if (value.is_undefined()) return 0;
  if (value.is_string()) return count_characters(value.bytes());
  if (value.is_dict()) return static_cast<int64_t>(value.dict().items.size());
  if (value.is_sequence() && value.sequence().kind != SequenceKind::kGenerator)
    return static_cast<int64_t>(value.sequence().items.size());
  throw RenderFailure(fmt::format("object of type '{}' has no len()", type_name(value)));
}

}  // namespace llm::text::jinja
