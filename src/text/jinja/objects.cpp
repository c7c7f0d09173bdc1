#include "text/jinja/objects.h"

#include "text/jinja/methods.h"

namespace llm::text::jinja {

std::optional<Value> Namespace::attribute(Interpreter&, std::string_view name) {
  for (const auto& [field, value] : fields_)
    if (field == name) return value;
  return std::nullopt;
}

void Namespace::set(std::string_view name, Value value) {
  if (name.starts_with('_'))
    throw RenderFailure(
        fmt::format("a namespace cannot hold '{}': it begins with an underscore", name));
  for (auto& [field, old] : fields_) {
    if (field != name) continue;
    old = std::move(value);
    return;
  }
  fields_.emplace_back(name, std::move(value));
}

Value Method::call(Interpreter& interpreter, Args args) {
  return call_method(interpreter, self_, name_, args);
}

std::optional<Value> Macro::attribute(Interpreter& interpreter, std::string_view name) {
  if (name == "name") return Value(Text(spec_.name));
  if (name == "catch_kwargs") return Value(spec_.uses_kwargs);
  if (name == "catch_varargs") return Value(spec_.uses_varargs);
  if (name == "caller") return Value(spec_.uses_caller);
  if (name != "arguments") return std::nullopt;
  std::vector<Value> names;
  for (const std::string& parameter : spec_.parameters) names.push_back(Text(parameter));
  return interpreter.list(std::move(names), SequenceKind::kTuple);
}

void Loop::clear() {
  scope_ = nullptr;
  items_.clear();
  last_changed_.reset();
}

Value Loop::call(Interpreter& interpreter, Args args) {
  if (!statement_.is_recursive) throw RenderFailure("only a loop marked 'recursive' can be called");
  const Bound bound("loop", args, {"iterable"}, 1);
  return interpreter.call_loop(statement_, scope_, bound.at(0), depth_ + 1);
}

Value Loop::cycle(const Args& args) const {
  if (args.positional.empty()) throw RenderFailure("no items for cycling given");
  return args.positional[index_ % args.positional.size()];
}

bool Loop::changed(Interpreter& interpreter, const Args& args) {
  bool is_same = last_changed_ && last_changed_->size() == args.positional.size();
  for (size_t i = 0; is_same && i < args.positional.size(); ++i)
    is_same = equals((*last_changed_)[i], args.positional[i], interpreter.budget());
  if (!is_same) last_changed_ = args.positional;
  return !is_same;
}

std::optional<Value> Loop::attribute(Interpreter& interpreter, std::string_view name) {
  const auto index = static_cast<int64_t>(index_);
  const auto length = static_cast<int64_t>(items_.size());
  if (name == "index") return Value(index + 1);
  if (name == "index0") return Value(index);
  if (name == "revindex") return Value(length - index);
  if (name == "revindex0") return Value(length - index - 1);
  if (name == "first") return Value(index == 0);
  if (name == "last") return Value(index + 1 == length);
  if (name == "length") return Value(length);
  if (name == "depth") return Value(depth_ + 1);
  if (name == "depth0") return Value(depth_);
  if (name == "previtem")
    return index > 0 ? items_[index_ - 1] : Value::undefined("there is no previous item");
  if (name == "nextitem")
    return index + 1 < length ? items_[index_ + 1] : Value::undefined("there is no next item");
  using LoopMethod = ObjectMethod<Loop>;
  if (name == "cycle")
    return interpreter.make_object<LoopMethod>(
        *this, [](Loop& loop, Interpreter&, const Args& args) { return loop.cycle(args); });
  if (name == "changed")
    return interpreter.make_object<LoopMethod>(
        *this, [](Loop& loop, Interpreter& runner, const Args& args) {
          return Value(loop.changed(runner, args));
        });
  return std::nullopt;
}

Value Cycler::next() {
  const Value item = items_[index_];
  index_ = (index_ + 1) % items_.size();
  return item;
}

std::optional<Value> Cycler::attribute(Interpreter& interpreter, std::string_view name) {
  using CyclerMethod = ObjectMethod<Cycler>;
  if (name == "current") return items_[index_];
  if (name == "next")
    return interpreter.make_object<CyclerMethod>(
        *this, [](Cycler& cycler, Interpreter&, const Args&) { return cycler.next(); });
  if (name == "reset")
    return interpreter.make_object<CyclerMethod>(*this,
                                                 [](Cycler& cycler, Interpreter&, const Args&) {
                                                   cycler.reset();
                                                   return Value();
                                                 });
  return std::nullopt;
}

Value Joiner::call(Interpreter&, Args args) {
  require_no_arguments("joiner", args);
  if (std::exchange(is_used_, true)) return separator_;
  return Text();
}

}  // namespace llm::text::jinja
