#include <charconv>
#include <cmath>

#include "text/jinja/parser.h"

namespace llm::text::jinja {

ExprPtr Parser::make(ExprKind kind, int line, std::string name) {
  auto node = std::make_unique<Expr>();
  node->kind = kind;
  node->line = line;
  node->name = std::move(name);
  return node;
}

void Parser::add_depth(Expr& parent, const Expr* child) const {
  if (!child) return;
  parent.depth = std::max(parent.depth, child->depth + 1);
  if (parent.depth > kMaxTreeDepth)
    fail(fmt::format("an expression of more than {} operations in a row", kMaxTreeDepth));
}

void Parser::add_operand(Expr& parent, ExprPtr child) {
  add_depth(parent, child.get());
  parent.operands.push_back(std::move(child));
}

void Parser::note_name(const std::string& name) {
  for (MacroSpec* macro : macros_) {
    if (name == "varargs") macro->uses_varargs = true;
    if (name == "kwargs") macro->uses_kwargs = true;
    if (name == "caller") macro->uses_caller = true;
  }
}

bool Parser::is_tuple_end(std::string_view end) const {
  const TokenKind kind = current().kind;
  return kind == TokenKind::kVariableEnd || kind == TokenKind::kBlockEnd ||
         current().is_operator(")") || (!end.empty() && current().is_name(end));
}

// Names, or literals that check_target then refuses, between commas.
ExprPtr Parser::parse_target(bool allows_fields, std::string_view end) {
  const int line = current().line;
  std::vector<ExprPtr> parts;
  bool is_tuple = false;
  while (!is_tuple_end(end)) {
    const bool is_field =
        allows_fields && current().kind == TokenKind::kName && ahead().is_operator(".");
    if (is_field) {
      parts.push_back(make(ExprKind::kNamespaceField, line, take().text));
      take();
      parts.back()->field = take_name();
    } else {
      parts.push_back(parse_primary());
    }
    if (!current().is_operator(",")) break;
    is_tuple = true;
    take();
  }
  if (parts.empty()) fail(fmt::format("expected a name, got '{}'", describe(current())));
  ExprPtr target = std::move(parts[0]);
  if (is_tuple) {
    ExprPtr tuple = make(ExprKind::kTuple, line);
    add_operand(*tuple, std::move(target));
    for (size_t i = 1; i < parts.size(); ++i) add_operand(*tuple, std::move(parts[i]));
    target = std::move(tuple);
  }
  check_target(*target);
  return target;
}

void Parser::check_target(const Expr& target) const {
  if (target.kind == ExprKind::kName || target.kind == ExprKind::kNamespaceField) return;
  if (target.kind != ExprKind::kTuple && target.kind != ExprKind::kList)
    fail("cannot assign to this", target.line);
  for (const ExprPtr& part : target.operands) check_target(*part);
}

ExprPtr Parser::parse_tuple(bool allows_condition, std::string_view end, bool is_enclosed) {
  const int line = current().line;
  ExprPtr tuple = make(ExprKind::kTuple, line);
  bool is_tuple = false;
  for (;;) {
    if (!tuple->operands.empty()) expect_operator(",");
    if (is_tuple_end(end)) break;
    add_operand(*tuple, parse_expression(allows_condition));
    if (!current().is_operator(",")) break;
    is_tuple = true;
  }
  if (!is_tuple && !tuple->operands.empty()) return std::move(tuple->operands[0]);
  if (!is_tuple && !is_enclosed)
    fail(fmt::format("expected an expression, got '{}'", describe(current())));
  return tuple;
}

ExprPtr Parser::parse_expression(bool allows_condition) {
  const Nested nested(*this);
  return allows_condition ? parse_condition() : parse_or();
}

ExprPtr Parser::parse_condition() {
  int line = current().line;
  ExprPtr node = parse_or();
  while (skip_name("if")) {
    ExprPtr condition = make(ExprKind::kCondition, line);
    add_operand(*condition, std::move(node));
    add_operand(*condition, parse_or());
    if (skip_name("else")) {
      const Nested nested(*this);
      add_operand(*condition, parse_condition());
    }
    node = std::move(condition);
    line = current().line;
  }
  return node;
}

ExprPtr Parser::parse_or() {
  ExprPtr left = parse_and();
  while (current().is_name("or")) {
    ExprPtr node = make(ExprKind::kOr, take().line);
    add_operand(*node, std::move(left));
    add_operand(*node, parse_and());
    left = std::move(node);
  }
  return left;
}

ExprPtr Parser::parse_and() {
  ExprPtr left = parse_not();
  while (current().is_name("and")) {
    ExprPtr node = make(ExprKind::kAnd, take().line);
    add_operand(*node, std::move(left));
    add_operand(*node, parse_not());
    left = std::move(node);
  }
  return left;
}

ExprPtr Parser::parse_not() {
  if (!current().is_name("not")) return parse_compare();
  const Nested nested(*this);
  ExprPtr node = make(ExprKind::kNot, take().line);
  add_operand(*node, parse_not());
  return node;
}

ExprPtr Parser::parse_compare() {
  ExprPtr node = make(ExprKind::kCompare, current().line);
  add_operand(*node, parse_sum());
  for (;;) {
    std::string what;
    for (const char* symbol : {"==", "!=", "<", "<=", ">", ">="})
      if (current().is_operator(symbol)) what = symbol;
    if (what.empty() && current().is_name("in")) what = "in";
    if (what.empty() && current().is_name("not") && ahead().is_name("in")) {
      take();
      what = "not in";
    }
    if (what.empty()) break;
    take();
    node->operators.push_back(what);
    add_operand(*node, parse_sum());
  }
  return node->operators.empty() ? std::move(node->operands[0]) : std::move(node);
}

ExprPtr Parser::parse_sum() {
  ExprPtr left = parse_concat();
  while (current().is_operator("+") || current().is_operator("-")) {
    ExprPtr node = make(ExprKind::kBinary, current().line, current().text);
    take();
    add_operand(*node, std::move(left));
    add_operand(*node, parse_concat());
    left = std::move(node);
  }
  return left;
}

ExprPtr Parser::parse_concat() {
  ExprPtr node = make(ExprKind::kConcat, current().line);
  add_operand(*node, parse_product());
  while (skip_operator("~")) add_operand(*node, parse_product());
  return node->operands.size() == 1 ? std::move(node->operands[0]) : std::move(node);
}

ExprPtr Parser::parse_product() {
  ExprPtr left = parse_power();
  while (current().is_operator("*") || current().is_operator("/") || current().is_operator("//") ||
         current().is_operator("%")) {
    ExprPtr node = make(ExprKind::kBinary, current().line, current().text);
    take();
    add_operand(*node, std::move(left));
    add_operand(*node, parse_power());
    left = std::move(node);
  }
  return left;
}

ExprPtr Parser::parse_power() {
  ExprPtr left = parse_unary();
  while (current().is_operator("**")) {
    ExprPtr node = make(ExprKind::kBinary, take().line, "**");
    add_operand(*node, std::move(left));
    add_operand(*node, parse_unary());
    left = std::move(node);
  }
  return left;
}

ExprPtr Parser::parse_unary(bool allows_filter) {
  const Nested nested(*this);
  ExprPtr node;
  if (current().is_operator("-") || current().is_operator("+")) {
    node = make(ExprKind::kUnary, current().line, current().text);
    take();
    add_operand(*node, parse_unary(false));
  } else {
    node = parse_primary();
  }
  node = parse_postfix(std::move(node));
  return allows_filter ? parse_filters(std::move(node)) : std::move(node);
}

ExprPtr Parser::parse_primary() {
  const Token& token = current();
  if (token.kind == TokenKind::kName) return parse_name();
  if (token.kind == TokenKind::kInteger || token.kind == TokenKind::kFloat) return parse_number();
  if (token.kind == TokenKind::kString) {
    ExprPtr node = make(ExprKind::kConstant, token.line);
    std::string text;
    while (current().kind == TokenKind::kString) text += take().text;
    node->constant = Text(std::move(text));
    return node;
  }
  if (skip_operator("(")) {
    ExprPtr node = parse_tuple(true, "", true);
    expect_operator(")");
    return node;
  }
  if (token.is_operator("[")) return parse_list();
  if (token.is_operator("{")) return parse_dict();
  fail(fmt::format("unexpected '{}'", describe(token)));
}

ExprPtr Parser::parse_name() {
  const Token& token = take();
  ExprPtr node = make(ExprKind::kConstant, token.line);
  if (token.text == "true" || token.text == "True") {
    node->constant = true;
  } else if (token.text == "false" || token.text == "False") {
    node->constant = false;
  } else if (token.text != "none" && token.text != "None") {
    node->kind = ExprKind::kName;
    node->name = token.text;
    note_name(token.text);
  }
  return node;
}

ExprPtr Parser::parse_number() {
  const Token& token = take();
  ExprPtr node = make(ExprKind::kConstant, token.line);
  const char* begin = token.text.data();
  const char* end = begin + token.text.size();
  if (token.kind == TokenKind::kFloat) {
    double value = 0;
    const auto result = std::from_chars(begin, end, value);
    if (result.ec == std::errc::result_out_of_range)
      value = token.text.find("e-") != std::string::npos ? 0.0 : HUGE_VAL;
    node->constant = value;
    return node;
  }
  const char mark = token.text.size() > 2 ? static_cast<char>(token.text[1] | 0x20) : '0';
  const int base = mark == 'x' ? 16 : mark == 'o' ? 8 : mark == 'b' ? 2 : 10;
  int64_t value = 0;
  const auto result = std::from_chars(base == 10 ? begin : begin + 2, end, value, base);
  if (result.ec != std::errc()) fail("a whole number beyond 64 bits", token.line);
  node->constant = value;
  return node;
}

ExprPtr Parser::parse_list() {
  ExprPtr node = make(ExprKind::kList, take().line);
  while (!current().is_operator("]")) {
    if (!node->operands.empty()) expect_operator(",");
    if (current().is_operator("]")) break;
    add_operand(*node, parse_expression());
  }
  take();
  return node;
}

ExprPtr Parser::parse_dict() {
  ExprPtr node = make(ExprKind::kDict, take().line);
  while (!current().is_operator("}")) {
    if (!node->operands.empty()) expect_operator(",");
    if (current().is_operator("}")) break;
    add_operand(*node, parse_expression());
    expect_operator(":");
    add_operand(*node, parse_expression());
  }
  take();
  return node;
}

ExprPtr Parser::parse_postfix(ExprPtr node) {
  for (;;) {
    if (current().is_operator(".")) {
      node = parse_attribute(std::move(node));
    } else if (current().is_operator("[")) {
      node = parse_item(std::move(node));
    } else if (current().is_operator("(")) {
      node = parse_call(std::move(node));
    } else {
      return node;
    }
  }
}

ExprPtr Parser::parse_filters(ExprPtr node) {
  for (;;) {
    if (skip_operator("|")) {
      node = parse_filter(std::move(node));
    } else if (current().is_name("is")) {
      node = parse_test(std::move(node));
    } else if (current().is_operator("(")) {
      node = parse_call(std::move(node));
    } else {
      return node;
    }
  }
}

std::string Parser::parse_dotted_name() {
  std::string name = take_name();
  while (skip_operator(".")) name += "." + take_name();
  return name;
}

ExprPtr Parser::parse_filter(ExprPtr node) {
  ExprPtr filter = make(ExprKind::kFilter, current().line);
  filter->name = parse_dotted_name();
  if (node) add_operand(*filter, std::move(node));
  if (current().is_operator("(")) parse_call_args(*filter);
  return filter;
}

bool Parser::begins_test_argument() const {
  const TokenKind kind = current().kind;
  if (kind == TokenKind::kName)
    return !current().is_name("else") && !current().is_name("or") && !current().is_name("and");
  return kind == TokenKind::kString || kind == TokenKind::kInteger || kind == TokenKind::kFloat ||
         current().is_operator("[") || current().is_operator("{");
}

ExprPtr Parser::parse_test(ExprPtr node) {
  const int line = take().line;
  const bool is_negated = skip_name("not");
  ExprPtr test = make(ExprKind::kTest, line);
  test->name = parse_dotted_name();
  add_operand(*test, std::move(node));
  if (current().is_operator("(")) {
    parse_call_args(*test);
  } else if (begins_test_argument()) {
    if (current().is_name("is")) fail("tests with 'is' cannot be chained");
    ExprPtr argument = parse_postfix(parse_primary());
    add_depth(*test, argument.get());
    test->call.positional.push_back(std::move(argument));
  }
  if (!is_negated) return test;
  ExprPtr negation = make(ExprKind::kNot, line);
  add_operand(*negation, std::move(test));
  return negation;
}

ExprPtr Parser::parse_attribute(ExprPtr node) {
  const int line = take().line;
  if (current().kind == TokenKind::kInteger) {
    ExprPtr item = make(ExprKind::kItem, line);
    add_operand(*item, std::move(node));
    add_operand(*item, parse_number());
    return item;
  }
  ExprPtr attribute = make(ExprKind::kAttribute, line, take_name());
  add_operand(*attribute, std::move(node));
  return attribute;
}

ExprPtr Parser::parse_item(ExprPtr node) {
  const int line = take().line;
  ExprPtr item = make(ExprKind::kItem, line);
  add_operand(*item, std::move(node));
  ExprPtr tuple = make(ExprKind::kTuple, line);
  while (!current().is_operator("]")) {
    if (!tuple->operands.empty()) expect_operator(",");
    add_operand(*tuple, parse_subscript());
  }
  take();
  const bool is_single = tuple->operands.size() == 1;
  add_operand(*item, is_single ? std::move(tuple->operands[0]) : std::move(tuple));
  return item;
}

ExprPtr Parser::parse_subscript() {
  const int line = current().line;
  ExprPtr begin;
  if (!current().is_operator(":")) {
    begin = parse_expression();
    if (!current().is_operator(":")) return begin;
  }
  take();
  const auto is_open = [&] {
    return !current().is_operator(":") && !current().is_operator("]") &&
           !current().is_operator(",");
  };
  ExprPtr end = is_open() ? parse_expression() : nullptr;
  ExprPtr step;
  if (skip_operator(":") && is_open()) step = parse_expression();
  ExprPtr slice = make(ExprKind::kSlice, line);
  add_operand(*slice, std::move(begin));
  add_operand(*slice, std::move(end));
  add_operand(*slice, std::move(step));
  return slice;
}

ExprPtr Parser::parse_call(ExprPtr node) {
  ExprPtr call = make(ExprKind::kCall, current().line);
  add_operand(*call, std::move(node));
  parse_call_args(*call);
  return call;
}

void Parser::parse_call_args(Expr& call) {
  const int line = current().line;
  expect_operator("(");
  bool needs_comma = false;
  while (!current().is_operator(")")) {
    if (needs_comma) {
      expect_operator(",");
      if (current().is_operator(")")) break;
    }
    parse_call_arg(call, line);
    needs_comma = true;
  }
  take();
}

void Parser::parse_call_arg(Expr& call, int line) {
  CallArgs& args = call.call;
  const auto ensure = [&](bool is_fine) {
    if (!is_fine) fail("arguments of a call in the wrong order", line);
  };
  const bool is_star = skip_operator("*");
  const bool is_double_star = !is_star && skip_operator("**");
  std::string name;
  if (!is_star && !is_double_star && current().kind == TokenKind::kName &&
      ahead().is_operator("=")) {
    name = take().text;
    take();
  }
  ensure(!args.double_star && (!args.star || is_double_star || !name.empty()));
  ExprPtr value = parse_expression();
  add_depth(call, value.get());
  if (is_star) {
    args.star = std::move(value);
  } else if (is_double_star) {
    args.double_star = std::move(value);
  } else if (!name.empty()) {
    args.named.emplace_back(std::move(name), std::move(value));
  } else {
    ensure(args.named.empty());
    args.positional.push_back(std::move(value));
  }
}

}  // namespace llm::text::jinja
