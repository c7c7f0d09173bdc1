#include "text/jinja/interpreter.h"

#include "llm/core/error.h"
#include "text/jinja/objects.h"

namespace llm::text::jinja {

// Where the output goes: the rendering, or a text that a block or macro makes.
class Interpreter::Sink {
 public:
  Sink(Interpreter& owner, bool is_top)
      : owner_(owner), outer_(owner.sink_), text_(owner.budget_), is_top_(is_top) {
    owner_.sink_ = this;
  }
  ~Sink() { owner_.sink_ = outer_; }
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;

  void add(const Text& text) {
    text_.add(text);
    size_ += text.size();
    if (!is_top_) return;
    if (!regions_.empty() && regions_.back().message == owner_.region_) {
      regions_.back().end = size_;
    } else {
      regions_.push_back({size_, owner_.region_});
    }
  }
  Text take() { return text_.take(); }
  std::vector<Region> take_regions() { return std::move(regions_); }

 private:
  Interpreter& owner_;
  Sink* outer_;
  TextBuilder text_;
  size_t size_ = 0;
  bool is_top_;
  std::vector<Region> regions_;
};

class Interpreter::ScopeGuard {
 public:
  ScopeGuard(Interpreter& owner, ScopePtr parent) : owner_(owner), outer_(owner.scope_) {
    owner.budget_.charge(sizeof(Scope));
    owner.scope_ = std::make_shared<Scope>();
    owner.scope_->parent = std::move(parent);
  }
  explicit ScopeGuard(Interpreter& owner) : ScopeGuard(owner, owner.scope_) {}
  ~ScopeGuard() { owner_.scope_ = outer_; }
  ScopeGuard(const ScopeGuard&) = delete;
  ScopeGuard& operator=(const ScopeGuard&) = delete;

 private:
  Interpreter& owner_;
  ScopePtr outer_;
};

Value* Scope::find(std::string_view name) {
  for (Scope* scope = this; scope; scope = scope->parent.get())
    for (auto& [known, value] : scope->names)
      if (known == name) return &value;
  return nullptr;
}

void Scope::set(std::string_view name, Value value) {
  for (auto& [known, old] : names) {
    if (known != name) continue;
    old = std::move(value);
    return;
  }
  names.emplace_back(name, std::move(value));
}

Interpreter::~Interpreter() {
  // Objects may refer to one another through their values.
  for (const auto& object : objects_) object->clear();
}

Rendering Interpreter::run(const TemplateTree& tree, Variables variables) {
  const auto globals = std::make_shared<Scope>();
  add_globals(*this, *globals);
  scope_ = std::make_shared<Scope>();
  scope_->parent = globals;
  for (auto& [name, value] : variables) scope_->set(name, std::move(value));
  Sink top(*this, true);
  try {
    run_body(tree.body);
  } catch (const RenderFailure& failure) {
    throw core::DataError({fmt::format("{}:{}", name_, line_), "", failure.what(), ""});
  }
  return {top.take(), top.take_regions()};
}

Value Interpreter::text(Text text) {
  budget_.charge(text.weight() + sizeof(Text));
  budget_.check_size(text.size());
  return text;
}

Value Interpreter::list(std::vector<Value> items, SequenceKind kind, OriginId origin) {
  budget_.charge(items.size() * sizeof(Value) + sizeof(Sequence));
  auto sequence = std::make_shared<Sequence>();
  for (const Value& item : items) sequence->depth = std::max(sequence->depth, depth_of(item) + 1);
  if (sequence->depth > kMaxContainerDepth)
    throw RenderFailure(fmt::format("containers nested more than {} deep", kMaxContainerDepth));
  sequence->kind = kind;
  sequence->origin = origin;
  sequence->items = std::move(items);
  return sequence;
}

Interpreter::Flow Interpreter::run_body(const Body& body) {
  for (const auto& statement : body) {
    const Flow flow = run(*statement);
    if (flow != Flow::kNext) return flow;
  }
  return Flow::kNext;
}

Interpreter::Flow Interpreter::run(const Stmt& statement) {
  const Budget::Nested nested(budget_);
  budget_.step();
  line_ = statement.line;
  Flow flow = Flow::kNext;
  switch (statement.kind) {
    case StmtKind::kText:
      emit(statement.text.text());
      break;
    case StmtKind::kPrint:
      for (const ExprPtr& value : statement.values) emit(to_text(eval(*value)));
      break;
    case StmtKind::kFor:
      run_for(statement, eval(*statement.values[0]), 0);
      break;
    case StmtKind::kIf:
      run_if(statement, flow);
      break;
    case StmtKind::kSet:
      assign(*statement.targets[0], eval(*statement.values[0]));
      break;
    case StmtKind::kSetBlock:
      run_set_block(statement);
      break;
    case StmtKind::kMacro:
      run_macro(statement);
      break;
    case StmtKind::kCallBlock:
      run_call_block(statement);
      break;
    case StmtKind::kFilterBlock: {
      const Value body = text(capture_in_scope(statement.body));
      line_ = statement.line;
      emit(to_text(apply_filter(*statement.values[0], &body)));
      break;
    }
    case StmtKind::kWith:
      run_with(statement);
      break;
    case StmtKind::kBlock: {
      const ScopeGuard scope(*this);
      run_body(statement.body);
      break;
    }
    case StmtKind::kGeneration: {
      Text body = capture_in_scope(statement.body);
      body.mark_generated();
      emit(body);
      break;
    }
    case StmtKind::kBreak:
      return Flow::kBreak;
    case StmtKind::kContinue:
      return Flow::kContinue;
  }
  return flow;
}

void Interpreter::emit(const Text& text) { sink_->add(text); }

Text Interpreter::capture(const Body& body) {
  Sink sink(*this, false);
  run_body(body);
  return sink.take();
}

Text Interpreter::capture_in_scope(const Body& body) {
  const ScopeGuard scope(*this);
  return capture(body);
}

void Interpreter::run_if(const Stmt& statement, Flow& flow) {
  for (const Branch& branch : statement.branches) {
    if (!is_true(eval(*branch.condition))) continue;
    flow = run_body(branch.body);
    return;
  }
  flow = run_body(statement.otherwise);
}

// What the loop's own `if` lets through.
std::vector<Value> Interpreter::filtered(const Stmt& statement, std::vector<Value> items) {
  if (!statement.condition) return items;
  std::vector<Value> kept;
  for (Value& item : items) {
    const ScopeGuard scope(*this);
    assign(*statement.targets[0], item);
    if (is_true(eval(*statement.condition))) kept.push_back(std::move(item));
  }
  return kept;
}

void Interpreter::run_for(const Stmt& statement, const Value& items, int64_t depth) {
  Loop* loop = make_object<Loop>(statement, scope_, filtered(statement, iterate(items)), depth);
  const int outer_region = region_;
  for (size_t i = 0; i < loop->size(); ++i) {
    budget_.step();
    const Value& item = loop->move_to(i);
    const ScopeGuard scope(*this);
    scope_->set("loop", loop);
    assign(*statement.targets[0], item);
    if (item.is_dict() && item.dict().message >= 0) region_ = item.dict().message;
    const Flow flow = run_body(statement.body);
    region_ = outer_region;
    if (flow == Flow::kBreak) break;
  }
  if (loop->size() == 0) {
    const ScopeGuard scope(*this);
    run_body(statement.otherwise);
  }
}

Value Interpreter::call_loop(const Stmt& loop, const ScopePtr& scope, const Value& items,
                             int64_t depth) {
  const ScopeGuard guard(*this, scope);
  Sink sink(*this, false);
  run_for(loop, items, depth);
  return text(sink.take());
}

void Interpreter::assign(const Expr& target, const Value& value) {
  if (target.kind == ExprKind::kName) return scope_->set(target.name, value);
  if (target.kind == ExprKind::kNamespaceField) {
    Value* found = scope_->find(target.name);
    auto* space = found ? found->object_as<Namespace>() : nullptr;
    if (!space) throw RenderFailure("cannot assign attribute on non-namespace object");
    return space->set(target.field, value);
  }
  const std::vector<Value> items = iterate(value);
  if (items.size() != target.operands.size())
    throw RenderFailure(
        fmt::format("{} values to unpack, expected {}", items.size(), target.operands.size()));
  for (size_t i = 0; i < items.size(); ++i) assign(*target.operands[i], items[i]);
}

void Interpreter::run_set_block(const Stmt& statement) {
  Value value = text(capture_in_scope(statement.body));
  if (!statement.values.empty()) value = apply_filter(*statement.values[0], &value);
  assign(*statement.targets[0], value);
}

void Interpreter::run_macro(const Stmt& statement) {
  scope_->set(statement.macro.name, make_object<Macro>(statement.macro, statement.body, scope_));
}

void Interpreter::run_call_block(const Stmt& statement) {
  const Expr& call = *statement.values[0];
  const Value callee = eval(*call.operands[0]);
  Args args = eval_args(call.call);
  args.named.emplace_back("caller", make_object<Macro>(statement.macro, statement.body, scope_));
  line_ = statement.line;
  emit(to_text(this->call(callee, std::move(args))));
}

void Interpreter::run_with(const Stmt& statement) {
  std::vector<Value> values;
  for (const ExprPtr& value : statement.values) values.push_back(eval(*value));
  const ScopeGuard scope(*this);
  for (size_t i = 0; i < values.size(); ++i) assign(*statement.targets[i], values[i]);
  run_body(statement.body);
}

Value Interpreter::call_macro(const MacroSpec& spec, const Body& body, const ScopePtr& scope,
                              Args args) {
  const size_t count = spec.parameters.size();
  if (args.positional.size() > count && !spec.uses_varargs)
    throw RenderFailure(
        fmt::format("macro '{}' takes not more than {} argument(s)", spec.name, count));
  const ScopeGuard guard(*this, scope);
  Scope& names = *scope_;
  for (size_t i = 0; i < count; ++i) {
    const std::string& name = spec.parameters[i];
    const auto named = std::ranges::find(args.named, name, &std::pair<std::string, Value>::first);
    const size_t first_default = count - spec.defaults.size();
    if (i < args.positional.size()) {
      names.set(name, args.positional[i]);
    } else if (named != args.named.end()) {
      names.set(name, named->second);
      args.named.erase(named);
    } else if (i >= first_default) {
      names.set(name, eval(*spec.defaults[i - first_default]));
    } else {
      names.set(name, Value::undefined(fmt::format("parameter '{}' was not provided", name)));
    }
  }
  const auto caller =
      std::ranges::find(args.named, "caller", &std::pair<std::string, Value>::first);
  if (spec.uses_caller && std::ranges::find(spec.parameters, "caller") == spec.parameters.end()) {
    names.set("caller",
              caller == args.named.end() ? Value::undefined("No caller defined") : caller->second);
    if (caller != args.named.end()) args.named.erase(caller);
  }
  if (!args.named.empty() && !spec.uses_kwargs)
    throw RenderFailure(
        fmt::format("macro '{}' takes no keyword argument '{}'", spec.name, args.named[0].first));
  if (spec.uses_kwargs) {
    auto rest = std::make_shared<Dict>();
    for (auto& [name, value] : args.named) insert(*rest, Text(name), value, budget_);
    names.set("kwargs", rest);
  }
  if (spec.uses_varargs) {
    const auto first = static_cast<ptrdiff_t>(std::min(count, args.positional.size()));
    names.set("varargs",
              list({args.positional.begin() + first, args.positional.end()}, SequenceKind::kTuple));
  }
  return text(capture(body));
}

}  // namespace llm::text::jinja
