// From a template's source to its tree: the grammar of jinja2 3.1 with the loopcontrols extension
// and the {% generation %} blocks of transformers.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "text/jinja/ast.h"
#include "text/jinja/token.h"

namespace llm::text::jinja {

// Requires: valid UTF-8. Throws: FormatError with name:line.
TemplateTree parse_template(std::string_view source, const std::string& name);

inline constexpr int kMaxNesting = 150;    // expressions and blocks inside one another
inline constexpr int kMaxTreeDepth = 500;  // 1 + 1 + 1 + ... is deep, too

class Parser {
 public:
  Parser(std::vector<Token> tokens, const std::string& name)
      : tokens_(std::move(tokens)), name_(name) {}

  TemplateTree run();

 private:
  class Nested {
   public:
    explicit Nested(Parser& parser);
    ~Nested() { --parser_.nesting_; }

   private:
    Parser& parser_;
  };
  using Names = std::initializer_list<std::string_view>;

  // parser.cpp: tokens and statements.
  [[noreturn]] void fail(const std::string& problem, int line = 0) const;
  const Token& current() const { return tokens_[at_]; }
  const Token& ahead() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
  const Token& take();
  bool skip_operator(std::string_view what);
  bool skip_name(std::string_view what);
  void expect_operator(std::string_view what);
  void expect_name(std::string_view what);
  void expect(TokenKind kind, std::string_view what);
  std::string take_name();
  std::unique_ptr<Stmt> make_statement(StmtKind kind) const;

  Body parse_body(Names ends);
  Body parse_block(Names ends);
  Body parse_last_block(std::string_view end);
  std::unique_ptr<Stmt> parse_print();
  std::unique_ptr<Stmt> parse_statement();
  std::unique_ptr<Stmt> parse_for();
  std::unique_ptr<Stmt> parse_if();
  std::unique_ptr<Stmt> parse_set();
  std::unique_ptr<Stmt> parse_macro();
  std::unique_ptr<Stmt> parse_call_block();
  std::unique_ptr<Stmt> parse_filter_block();
  std::unique_ptr<Stmt> parse_with();
  std::unique_ptr<Stmt> parse_named_block();
  std::unique_ptr<Stmt> parse_generation();
  std::unique_ptr<Stmt> parse_loop_control(StmtKind kind);
  void parse_parameters(MacroSpec& macro);
  void parse_macro_body(Stmt& statement, std::string_view end);

  // expression_parser.cpp
  ExprPtr make(ExprKind kind, int line, std::string name = "");
  void add_operand(Expr& parent, ExprPtr child);
  void add_depth(Expr& parent, const Expr* child) const;
  ExprPtr parse_target(bool allows_fields, std::string_view end = "");
  void check_target(const Expr& target) const;
  ExprPtr parse_tuple(bool allows_condition, std::string_view end = "", bool is_enclosed = false);
  ExprPtr parse_expression(bool allows_condition = true);
  ExprPtr parse_condition();
  ExprPtr parse_or();
  ExprPtr parse_and();
  ExprPtr parse_not();
  ExprPtr parse_compare();
  ExprPtr parse_sum();
  ExprPtr parse_concat();
  ExprPtr parse_product();
  ExprPtr parse_power();
  ExprPtr parse_unary(bool allows_filter = true);
  ExprPtr parse_primary();
  ExprPtr parse_name();
  ExprPtr parse_number();
  ExprPtr parse_list();
  ExprPtr parse_dict();
  ExprPtr parse_postfix(ExprPtr node);
  ExprPtr parse_filters(ExprPtr node);
  ExprPtr parse_filter(ExprPtr node);
  ExprPtr parse_test(ExprPtr node);
  ExprPtr parse_attribute(ExprPtr node);
  ExprPtr parse_item(ExprPtr node);
  ExprPtr parse_subscript();
  ExprPtr parse_call(ExprPtr node);
  void parse_call_args(Expr& call);
  void parse_call_arg(Expr& call, int line);
  std::string parse_dotted_name();
  bool is_tuple_end(std::string_view end) const;
  bool begins_test_argument() const;
  void note_name(const std::string& name);

  std::vector<Token> tokens_;
  const std::string& name_;
  size_t at_ = 0;
  int nesting_ = 0;
  int loops_ = 0;
  bool has_generation_ = false;
  std::vector<MacroSpec*> macros_;  // those being parsed
};

}  // namespace llm::text::jinja
