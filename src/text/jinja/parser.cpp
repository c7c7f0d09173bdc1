#include "text/jinja/parser.h"

#include <algorithm>

#include "llm/core/error.h"

namespace llm::text::jinja {

TemplateTree parse_template(std::string_view source, const std::string& name) {
  return Parser(tokenize(source, name), name).run();
}

Parser::Nested::Nested(Parser& parser) : parser_(parser) {
  if (++parser_.nesting_ > kMaxNesting) {
    --parser_.nesting_;
    parser_.fail(fmt::format("more than {} expressions or blocks inside one another", kMaxNesting));
  }
}

void Parser::fail(const std::string& problem, int line) const {
  throw core::FormatError(
      {fmt::format("{}:{}", name_, line > 0 ? line : current().line), "", problem, ""});
}

const Token& Parser::take() {
  const Token& token = tokens_[at_];
  if (token.kind != TokenKind::kEnd) ++at_;
  return token;
}

bool Parser::skip_operator(std::string_view what) {
  if (!current().is_operator(what)) return false;
  take();
  return true;
}

bool Parser::skip_name(std::string_view what) {
  if (!current().is_name(what)) return false;
  take();
  return true;
}

void Parser::expect_operator(std::string_view what) {
  if (!skip_operator(what)) fail(fmt::format("expected '{}', got '{}'", what, describe(current())));
}

void Parser::expect_name(std::string_view what) {
  if (!skip_name(what)) fail(fmt::format("expected '{}', got '{}'", what, describe(current())));
}

void Parser::expect(TokenKind kind, std::string_view what) {
  if (current().kind != kind) fail(fmt::format("expected {}, got '{}'", what, describe(current())));
  take();
}

std::string Parser::take_name() {
  if (current().kind != TokenKind::kName)
    fail(fmt::format("expected a name, got '{}'", describe(current())));
  return take().text;
}

std::unique_ptr<Stmt> Parser::make_statement(StmtKind kind) const {
  auto statement = std::make_unique<Stmt>();
  statement->kind = kind;
  statement->line = current().line;
  return statement;
}

TemplateTree Parser::run() {
  TemplateTree tree;
  tree.body = parse_body({});
  tree.has_generation = has_generation_;
  return tree;
}

// Statements up to a tag named in `ends`, whose name is the current token then; without `ends` to
// the end of the template.
Body Parser::parse_body(Names ends) {
  const Nested nested(*this);
  Body body;
  while (current().kind != TokenKind::kEnd) {
    if (current().kind == TokenKind::kData) {
      auto text = make_statement(StmtKind::kText);
      text->text = Text(take().text);
      body.push_back(std::move(text));
    } else if (current().kind == TokenKind::kVariableBegin) {
      body.push_back(parse_print());
    } else {
      take();
      if (std::ranges::any_of(ends, [&](auto end) { return current().is_name(end); })) return body;
      body.push_back(parse_statement());
      expect(TokenKind::kBlockEnd, "the end of the tag");
    }
  }
  if (ends.size() > 0) fail(fmt::format("the template ends before '{}'", *(ends.end() - 1)));
  return body;
}

Body Parser::parse_block(Names ends) {
  skip_operator(":");
  expect(TokenKind::kBlockEnd, "the end of the tag");
  return parse_body(ends);
}

Body Parser::parse_last_block(std::string_view end) {
  Body body = parse_block({end});
  take();
  return body;
}

std::unique_ptr<Stmt> Parser::parse_print() {
  take();
  auto print = make_statement(StmtKind::kPrint);
  print->values.push_back(parse_tuple(true));
  expect(TokenKind::kVariableEnd, "the end of the print statement");
  return print;
}

std::unique_ptr<Stmt> Parser::parse_statement() {
  const std::string name = current().kind == TokenKind::kName ? current().text : "";
  if (name == "for") return parse_for();
  if (name == "if") return parse_if();
  if (name == "set") return parse_set();
  if (name == "macro") return parse_macro();
  if (name == "call") return parse_call_block();
  if (name == "filter") return parse_filter_block();
  if (name == "with") return parse_with();
  if (name == "block") return parse_named_block();
  if (name == "generation") return parse_generation();
  if (name == "break") return parse_loop_control(StmtKind::kBreak);
  if (name == "continue") return parse_loop_control(StmtKind::kContinue);
  if (name == "print") {
    auto print = make_statement(StmtKind::kPrint);
    take();
    while (current().kind != TokenKind::kBlockEnd) {
      if (!print->values.empty()) expect_operator(",");
      print->values.push_back(parse_expression());
    }
    return print;
  }
  if (name.empty()) fail(fmt::format("expected a tag's name, got '{}'", describe(current())));
  fail(fmt::format("unknown tag '{}'", name));
}

std::unique_ptr<Stmt> Parser::parse_for() {
  auto loop = make_statement(StmtKind::kFor);
  take();
  loop->targets.push_back(parse_target(false, "in"));
  expect_name("in");
  loop->values.push_back(parse_tuple(false, "recursive"));
  if (skip_name("if")) loop->condition = parse_expression();
  loop->is_recursive = skip_name("recursive");
  ++loops_;
  loop->body = parse_block({"else", "endfor"});
  --loops_;
  if (take().text == "else") loop->otherwise = parse_last_block("endfor");
  return loop;
}

std::unique_ptr<Stmt> Parser::parse_if() {
  auto statement = make_statement(StmtKind::kIf);
  take();
  for (;;) {
    Branch& branch = statement->branches.emplace_back();
    branch.condition = parse_tuple(false);
    branch.body = parse_block({"elif", "else", "endif"});
    const std::string end = take().text;
    if (end == "elif") continue;
    if (end == "else") statement->otherwise = parse_last_block("endif");
    return statement;
  }
}

std::unique_ptr<Stmt> Parser::parse_set() {
  auto set = make_statement(StmtKind::kSet);
  take();
  set->targets.push_back(parse_target(true));
  if (skip_operator("=")) {
    set->values.push_back(parse_tuple(true));
    return set;
  }
  set->kind = StmtKind::kSetBlock;
  if (current().is_operator("|")) {
    ExprPtr filter;
    while (skip_operator("|")) filter = parse_filter(std::move(filter));
    set->values.push_back(std::move(filter));
  }
  set->body = parse_last_block("endset");
  return set;
}

void Parser::parse_parameters(MacroSpec& macro) {
  expect_operator("(");
  while (!current().is_operator(")")) {
    if (!macro.parameters.empty()) expect_operator(",");
    macro.parameters.push_back(take_name());
    if (skip_operator("=")) {
      macro.defaults.push_back(parse_expression());
    } else if (!macro.defaults.empty()) {
      fail("non-default argument follows default argument");
    }
  }
  expect_operator(")");
}

void Parser::parse_macro_body(Stmt& statement, std::string_view end) {
  macros_.push_back(&statement.macro);
  const int loops = std::exchange(loops_, 0);
  statement.body = parse_last_block(end);
  loops_ = loops;
  macros_.pop_back();
}

std::unique_ptr<Stmt> Parser::parse_macro() {
  auto macro = make_statement(StmtKind::kMacro);
  take();
  macro->macro.name = take_name();
  parse_parameters(macro->macro);
  parse_macro_body(*macro, "endmacro");
  return macro;
}

std::unique_ptr<Stmt> Parser::parse_call_block() {
  auto call = make_statement(StmtKind::kCallBlock);
  take();
  call->macro.name = "caller";
  if (current().is_operator("(")) parse_parameters(call->macro);
  call->values.push_back(parse_expression());
  if (call->values[0]->kind != ExprKind::kCall) fail("expected a call", call->line);
  parse_macro_body(*call, "endcall");
  return call;
}

std::unique_ptr<Stmt> Parser::parse_filter_block() {
  auto block = make_statement(StmtKind::kFilterBlock);
  take();
  ExprPtr filter = parse_filter(nullptr);
  while (skip_operator("|")) filter = parse_filter(std::move(filter));
  block->values.push_back(std::move(filter));
  block->body = parse_last_block("endfilter");
  return block;
}

std::unique_ptr<Stmt> Parser::parse_with() {
  auto with = make_statement(StmtKind::kWith);
  take();
  while (current().kind != TokenKind::kBlockEnd) {
    if (!with->targets.empty()) expect_operator(",");
    with->targets.push_back(parse_target(false));
    expect_operator("=");
    with->values.push_back(parse_expression());
  }
  with->body = parse_last_block("endwith");
  return with;
}

std::unique_ptr<Stmt> Parser::parse_named_block() {
  auto block = make_statement(StmtKind::kBlock);
  take();
  const std::string name = take_name();
  skip_name("scoped");
  skip_name("required");
  block->body = parse_last_block("endblock");
  skip_name(name);
  return block;
}

std::unique_ptr<Stmt> Parser::parse_generation() {
  auto block = make_statement(StmtKind::kGeneration);
  take();
  has_generation_ = true;
  const int loops = std::exchange(loops_, 0);
  block->body = parse_last_block("endgeneration");
  loops_ = loops;
  return block;
}

std::unique_ptr<Stmt> Parser::parse_loop_control(StmtKind kind) {
  auto control = make_statement(kind);
  if (loops_ == 0) fail(fmt::format("'{}' outside a loop", current().text));
  take();
  return control;
}

}  // namespace llm::text::jinja
