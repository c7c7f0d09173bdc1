#include <algorithm>
#include <array>
#include <ctime>

#include "llm/text/utf8.h"
#include "text/jinja/objects.h"

namespace llm::text::jinja {
namespace {

// As Python's len(range(...)).
int64_t range_length(int64_t begin, int64_t end, int64_t step) {
  const auto low = static_cast<__int128>(step > 0 ? begin : end);
  const auto high = static_cast<__int128>(step > 0 ? end : begin);
  const auto stride = static_cast<__int128>(step > 0 ? step : -static_cast<__int128>(step));
  if (low >= high) return 0;
  return static_cast<int64_t>(
      std::min<__int128>((high - low - 1) / stride + 1, static_cast<__int128>(INT64_MAX)));
}

Value make_range(Interpreter& interpreter, const Args& args) {
  const size_t count = args.positional.size();
  if (count < 1 || count > 3 || !args.named.empty())
    throw RenderFailure("range takes 1 to 3 whole numbers");
  const auto number = [&](size_t i) { return to_integer(args.positional[i], "range"); };
  const int64_t begin = count > 1 ? number(0) : 0;
  const int64_t end = number(count > 1 ? 1 : 0);
  const int64_t step = count > 2 ? number(2) : 1;
  if (step == 0) throw RenderFailure("range() arg 3 must not be zero");
  const int64_t length = range_length(begin, end, step);
  if (length > kMaxRange)
    throw RenderFailure(
        fmt::format("Range too big. Ranges larger than {} are not allowed.", kMaxRange));
  std::vector<Value> items;
  for (int64_t i = 0; i < length; ++i) items.emplace_back(begin + i * step);
  Value range = interpreter.list(std::move(items), SequenceKind::kRange);
  range.sequence().label = count > 2 ? fmt::format("range({}, {}, {})", begin, end, step)
                                     : fmt::format("range({}, {})", begin, end);
  return range;
}

// What dict(...) would hold: a mapping or pairs, then names.
std::shared_ptr<Dict> dict_of(Interpreter& interpreter, const Args& args) {
  auto dict = std::make_shared<Dict>();
  if (args.positional.size() > 1) throw RenderFailure("dict takes at most one mapping");
  if (!args.positional.empty()) {
    const Value& source = args.positional[0];
    for (const Value& item : interpreter.iterate(source)) {
      if (source.is_dict()) {
        insert(*dict, item, *find(source.dict(), item, interpreter.budget()), interpreter.budget());
        continue;
      }
      const std::vector<Value> pair = interpreter.iterate(item);
      if (pair.size() != 2) throw RenderFailure("dict needs pairs of a key and a value");
      insert(*dict, pair[0], pair[1], interpreter.budget());
    }
  }
  for (const auto& [name, value] : args.named)
    insert(*dict, Text(name), value, interpreter.budget());
  return dict;
}

Value make_dict(Interpreter& interpreter, const Args& args) { return dict_of(interpreter, args); }

Value make_namespace(Interpreter& interpreter, const Args& args) {
  auto* space = interpreter.make_object<Namespace>();
  const std::shared_ptr<Dict> fields = dict_of(interpreter, args);
  for (const auto& [name, value] : fields->items)
    space->set(to_string(name, "namespace").bytes(), value);
  return space;
}

Value make_cycler(Interpreter& interpreter, const Args& args) {
  if (args.positional.empty()) throw RenderFailure("cycler: at least one item has to be provided");
  return interpreter.make_object<Cycler>(args.positional);
}

Value make_joiner(Interpreter& interpreter, const Args& args) {
  const Bound bound("joiner", args, {"sep"});
  return interpreter.make_object<Joiner>(bound.value_or(0, Text(", ")));
}

Value raise_exception(Interpreter& interpreter, const Args& args) {
  const Bound bound("raise_exception", args, {"message"}, 1);
  throw RenderFailure(interpreter.to_text(bound.at(0)).bytes());
}

Value strftime_now(Interpreter& interpreter, const Args& args) {
  const Bound bound("strftime_now", args, {"format"}, 1);
  const Text& format = bound.text(0);
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  std::array<char, 4096> buffer{};
  const size_t size = std::strftime(buffer.data(), buffer.size(), format.bytes().c_str(), &local);
  if (size == 0 && !format.empty()) throw RenderFailure("strftime_now: a date beyond 4096 bytes");
  return interpreter.text(
      Text(replace_invalid_utf8(std::string_view(buffer.data(), size)), format.origin_at(0)));
}

}  // namespace

void add_globals(Interpreter& interpreter, Scope& scope) {
  const auto add = [&](const char* name, Function::Run run) {
    scope.set(name, interpreter.make_object<Function>(name, run));
  };
  add("range", make_range);
  add("dict", make_dict);
  add("namespace", make_namespace);
  add("cycler", make_cycler);
  add("joiner", make_joiner);
  add("raise_exception", raise_exception);
  add("strftime_now", strftime_now);
}

}  // namespace llm::text::jinja
