#include <unordered_map>

#include "text/jinja/filters.h"
#include "text/jinja/methods.h"
#include "text/jinja/objects.h"
#include "text/jinja/operators.h"

namespace llm::text::jinja {
namespace {

using Test = bool (*)(Interpreter&, const Value&, const Args&);

const Value& operand(const Args& args) {
  if (args.positional.size() != 1 || !args.named.empty())
    throw RenderFailure("the test needs one argument");
  return args.positional[0];
}

int64_t remainder(Interpreter& interpreter, const Value& value, const Value& by) {
  const Value rest = binary(interpreter, "%", value, by);
  if (!rest.is_number()) throw RenderFailure("the test needs a number");
  // Only whole remainders can be 0 or 1.
  const double number = rest.number();
  return number == 0 ? 0 : number == 1 ? 1 : 2;
}

bool is_iterable(const Value& value) {
  return value.is_string() || value.is_sequence() || value.is_dict() || value.is_undefined();
}

bool has_length_and_items(const Value& value) {
  if (value.is_string() || value.is_dict() || value.is_undefined()) return true;
  if (!value.is_sequence()) return false;
  const SequenceKind kind = value.sequence().kind;
  return kind != SequenceKind::kGenerator && kind != SequenceKind::kView;
}

template <bool wants_upper>
bool test_case(Interpreter& interpreter, const Value& value, const Args&) {
  const Value text = interpreter.to_text(value);
  return call_string_method(interpreter, text, wants_upper ? "isupper" : "islower", {}).boolean();
}

template <bool is_swapped, bool includes_equal>
bool test_order(Interpreter& interpreter, const Value& value, const Args& args) {
  const Value& other = operand(args);
  Budget& budget = interpreter.budget();
  const bool is_in_order =
      is_swapped ? is_less(other, value, budget) : is_less(value, other, budget);
  return is_in_order || (includes_equal && equals(value, other, budget));
}

template <bool wants_equal>
bool test_equal(Interpreter& interpreter, const Value& value, const Args& args) {
  return equals(value, operand(args), interpreter.budget()) == wants_equal;
}

bool test_in(Interpreter& interpreter, const Value& value, const Args& args) {
  return contains(interpreter, operand(args), value);
}

const std::unordered_map<std::string_view, Test>& all_tests() {
  using I = Interpreter&;
  using V = const Value&;
  using A = const Args&;
  static const std::unordered_map<std::string_view, Test> tests = {
      {"odd", [](I i, V v, A) { return remainder(i, v, int64_t{2}) == 1; }},
      {"even", [](I i, V v, A) { return remainder(i, v, int64_t{2}) == 0; }},
      {"divisibleby", [](I i, V v, A a) { return remainder(i, v, operand(a)) == 0; }},
      {"defined", [](I, V v, A) { return !v.is_undefined(); }},
      {"undefined", [](I, V v, A) { return v.is_undefined(); }},
      {"filter", [](I, V v, A) { return v.is_string() && has_filter(std::string(v.bytes())); }},
      {"test", [](I, V v, A) { return v.is_string() && has_test(std::string(v.bytes())); }},
      {"none", [](I, V v, A) { return v.is_none(); }},
      {"boolean", [](I, V v, A) { return v.is<bool>(); }},
      {"true", [](I, V v, A) { return v.is<bool>() && v.boolean(); }},
      {"false", [](I, V v, A) { return v.is<bool>() && !v.boolean(); }},
      {"integer", [](I, V v, A) { return v.is<int64_t>(); }},
      {"float", [](I, V v, A) { return v.is<double>(); }},
      {"number", [](I, V v, A) { return v.is_number(); }},
      {"string", [](I, V v, A) { return v.is_string(); }},
      {"mapping", [](I, V v, A) { return v.is_dict(); }},
      {"sequence", [](I, V v, A) { return has_length_and_items(v); }},
      {"iterable", [](I, V v, A) { return is_iterable(v); }},
      {"callable",
       [](I, V v, A) { return v.is_undefined() || (v.object() && v.object()->is_callable()); }},
      {"sameas", [](I, V v, A a) { return v.is_same(operand(a)); }},
      {"escaped", [](I, V, A) { return false; }},
      {"lower", test_case<false>},
      {"upper", test_case<true>},
      {"in", test_in},
      {"eq", test_equal<true>},
      {"==", test_equal<true>},
      {"equalto", test_equal<true>},
      {"ne", test_equal<false>},
      {"!=", test_equal<false>},
      {"lt", test_order<false, false>},
      {"<", test_order<false, false>},
      {"lessthan", test_order<false, false>},
      {"le", test_order<false, true>},
      {"<=", test_order<false, true>},
      {"gt", test_order<true, false>},
      {">", test_order<true, false>},
      {"greaterthan", test_order<true, false>},
      {"ge", test_order<true, true>},
      {">=", test_order<true, true>},
  };
  return tests;
}

}  // namespace

bool has_test(const std::string& name) { return all_tests().contains(name); }

bool Interpreter::test(const std::string& name, const Value& value, const Args& args) {
  budget_.step();
  const auto found = all_tests().find(name);
  if (found == all_tests().end()) throw RenderFailure(fmt::format("no test named '{}'", name));
  return found->second(*this, value, args);
}

}  // namespace llm::text::jinja
