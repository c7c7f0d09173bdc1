// Runs a template's tree.
//
// Text that goes to the output keeps its origins; on top of them the interpreter notes during which
// message's turn of a loop it was written (Region). Not thread-safe; one interpreter renders once.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/jinja/arguments.h"
#include "text/jinja/ast.h"
#include "text/jinja/budget.h"
#include "text/jinja/value.h"

namespace llm::text::jinja {

using Variables = std::vector<std::pair<std::string, Value>>;

struct Scope {
  std::shared_ptr<Scope> parent;
  Variables names;

  Value* find(std::string_view name);
  void set(std::string_view name, Value value);
};
using ScopePtr = std::shared_ptr<Scope>;

struct Region {
  size_t end = 0;    // bytes of the output; begins where the one before it ends
  int message = -1;  // the message whose turn of a loop wrote it; -1 outside such loops
};

struct Rendering {
  Text text;
  std::vector<Region> regions;
};

class Interpreter {
 public:
  // `name` is for messages. It and the tree must outlive the interpreter.
  Interpreter(const std::string& name, const Limits& limits) : name_(name), budget_(limits) {}
  ~Interpreter();
  Interpreter(const Interpreter&) = delete;
  Interpreter& operator=(const Interpreter&) = delete;

  // Throws: DataError with name:line when the template raises or fails.
  Rendering run(const TemplateTree& tree, Variables variables);

  // What follows is for the parts of the language. All throw RenderFailure.
  Budget& budget() { return budget_; }
  Value text(Text text);
  Value list(std::vector<Value> items, SequenceKind kind = SequenceKind::kList,
             OriginId origin = kTemplateOrigin);
  template <class T, class... Rest>
  T* make_object(Rest&&... rest) {
    budget_.charge(sizeof(T) + 64);
    objects_.push_back(std::make_unique<T>(std::forward<Rest>(rest)...));
    return static_cast<T*>(objects_.back().get());
  }

  // The items a `for` would see. A generator is empty afterwards.
  std::vector<Value> iterate(const Value& value);
  Value attribute(const Value& value, std::string_view name);
  Value item(const Value& value, const Value& key);
  Value call(const Value& callee, Args args);
  Value filter(const std::string& name, const Value& value, const Args& args);
  bool test(const std::string& name, const Value& value, const Args& args);
  Text to_text(const Value& value) { return jinja::to_text(value, budget_); }

  Value call_macro(const MacroSpec& spec, const Body& body, const ScopePtr& scope, Args args);
  Value call_loop(const Stmt& loop, const ScopePtr& scope, const Value& items, int64_t depth);

 private:
  enum class Flow { kNext, kBreak, kContinue };
  class Sink;
  class ScopeGuard;

  Flow run_body(const Body& body);
  Flow run(const Stmt& statement);
  void run_if(const Stmt& statement, Flow& flow);
  void run_for(const Stmt& statement, const Value& items, int64_t depth);
  std::vector<Value> filtered(const Stmt& statement, std::vector<Value> items);
  void run_set_block(const Stmt& statement);
  void run_macro(const Stmt& statement);
  void run_call_block(const Stmt& statement);
  void run_with(const Stmt& statement);
  void assign(const Expr& target, const Value& value);
  Text capture(const Body& body);
  Text capture_in_scope(const Body& body);
  void emit(const Text& text);

  // evaluator.cpp
  Value eval(const Expr& node);
  Value eval_name(const Expr& node);
  Value eval_container(const Expr& node);
  Value eval_concat(const Expr& node);
  Value eval_compare(const Expr& node);
  Value eval_condition(const Expr& node);
  Value eval_item(const Expr& node);
  Value eval_call(const Expr& node);
  Value apply_filter(const Expr& node, const Value* block);
  bool compare(const std::string& what, const Value& a, const Value& b);
  Args eval_args(const CallArgs& call);

  const std::string& name_;
  Budget budget_;
  std::vector<std::unique_ptr<Object>> objects_;
  ScopePtr scope_;
  Sink* sink_ = nullptr;
  int region_ = -1;
  int line_ = 1;
};

}  // namespace llm::text::jinja
