// Values with identity: namespaces, functions, methods, macros, loops.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/jinja/interpreter.h"

namespace llm::text::jinja {

class Callable : public Object {
 public:
  bool is_callable() const override { return true; }
  virtual Value call(Interpreter& interpreter, Args args) = 0;
};

// An object with attributes.
class WithAttributes {
 public:
  virtual ~WithAttributes() = default;
  virtual std::optional<Value> attribute(Interpreter& interpreter, std::string_view name) = 0;
};

class Namespace : public Object, public WithAttributes {
 public:
  const char* type_name() const override { return "Namespace"; }
  void clear() override { fields_.clear(); }
  std::optional<Value> attribute(Interpreter& interpreter, std::string_view name) override;
  // Throws: RenderFailure for a name that begins with an underscore.
  void set(std::string_view name, Value value);

 private:
  Variables fields_;
};

class Function : public Callable {
 public:
  using Run = Value (*)(Interpreter& interpreter, const Args& args);
  Function(const char* name, Run run) : name_(name), run_(run) {}
  const char* type_name() const override { return name_; }
  Value call(Interpreter& interpreter, Args args) override { return run_(interpreter, args); }

 private:
  const char* name_;
  Run run_;
};

class Method : public Callable {
 public:
  Method(Value self, std::string name) : self_(std::move(self)), name_(std::move(name)) {}
  const char* type_name() const override { return "builtin_function_or_method"; }
  void clear() override { self_ = None{}; }
  Value call(Interpreter& interpreter, Args args) override;

 private:
  Value self_;
  std::string name_;
};

class Macro : public Callable, public WithAttributes {
 public:
  Macro(const MacroSpec& spec, const Body& body, ScopePtr scope)
      : spec_(spec), body_(body), scope_(std::move(scope)) {}
  const char* type_name() const override { return "Macro"; }
  void clear() override { scope_ = nullptr; }
  Value call(Interpreter& interpreter, Args args) override {
    return interpreter.call_macro(spec_, body_, scope_, std::move(args));
  }
  std::optional<Value> attribute(Interpreter& interpreter, std::string_view name) override;

 private:
  const MacroSpec& spec_;
  const Body& body_;
  ScopePtr scope_;
};

// The variable `loop` inside a {% for %}.
class Loop : public Callable, public WithAttributes {
 public:
  Loop(const Stmt& statement, ScopePtr scope, std::vector<Value> items, int64_t depth)
      : statement_(statement), scope_(std::move(scope)), items_(std::move(items)), depth_(depth) {}
  const char* type_name() const override { return "LoopContext"; }
  void clear() override;
  Value call(Interpreter& interpreter, Args args) override;
  std::optional<Value> attribute(Interpreter& interpreter, std::string_view name) override;

  size_t size() const { return items_.size(); }
  const Value& move_to(size_t index) { return items_[index_ = index]; }
  Value cycle(const Args& args) const;
  bool changed(Interpreter& interpreter, const Args& args);

 private:
  const Stmt& statement_;
  ScopePtr scope_;
  std::vector<Value> items_;
  int64_t depth_;
  size_t index_ = 0;
  std::optional<std::vector<Value>> last_changed_;
};

class Cycler : public Object, public WithAttributes {
 public:
  explicit Cycler(std::vector<Value> items) : items_(std::move(items)) {}
  const char* type_name() const override { return "Cycler"; }
  void clear() override { items_.clear(); }
  std::optional<Value> attribute(Interpreter& interpreter, std::string_view name) override;
  Value next();
  void reset() { index_ = 0; }

 private:
  std::vector<Value> items_;
  size_t index_ = 0;
};

class Joiner : public Callable {
 public:
  explicit Joiner(Value separator) : separator_(std::move(separator)) {}
  const char* type_name() const override { return "Joiner"; }
  void clear() override { separator_ = None{}; }
  Value call(Interpreter& interpreter, Args args) override;

 private:
  Value separator_;
  bool is_used_ = false;
};

// A method of an object above.
template <class T>
class ObjectMethod : public Callable {
 public:
  using Run = Value (*)(T& object, Interpreter& interpreter, const Args& args);
  ObjectMethod(T& object, Run run) : object_(object), run_(run) {}
  const char* type_name() const override { return "method"; }
  Value call(Interpreter& interpreter, Args args) override {
    return run_(object_, interpreter, args);
  }

 private:
  T& object_;
  Run run_;
};

// namespace, range, dict, raise_exception, ... by their names.
void add_globals(Interpreter& interpreter, Scope& scope);

}  // namespace llm::text::jinja
