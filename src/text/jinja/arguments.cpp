#include "text/jinja/arguments.h"

#include <algorithm>

namespace llm::text::jinja {

Bound::Bound(std::string_view function, const Args& args,
             std::initializer_list<std::string_view> parameters, size_t required)
    : function_(function), values_(parameters.size(), nullptr) {
  if (args.positional.size() > parameters.size())
    throw RenderFailure(fmt::format("{} takes at most {} arguments, {} given", function,
                                    parameters.size(), args.positional.size()));
  for (size_t i = 0; i < args.positional.size(); ++i) values_[i] = &args.positional[i];
  for (const auto& [name, value] : args.named) {
    const auto found = std::ranges::find(parameters, std::string_view(name));
    if (found == parameters.end())
      throw RenderFailure(fmt::format("{} has no argument '{}'", function, name));
    const Value*& slot = values_[static_cast<size_t>(found - parameters.begin())];
    if (slot) throw RenderFailure(fmt::format("{} got two values for '{}'", function, name));
    slot = &value;
  }
  for (size_t i = 0; i < required; ++i)
    if (!values_[i])
      throw RenderFailure(
          fmt::format("{} needs the argument '{}'", function, *(parameters.begin() + i)));
}

int64_t Bound::integer_or(size_t index, int64_t fallback) const {
  return has(index) ? to_integer(at(index), function_) : fallback;
}

const Text& Bound::text(size_t index) const { return to_string(at(index), function_); }

void require_no_arguments(std::string_view function, const Args& args) {
  if (!args.positional.empty() || !args.named.empty())
    throw RenderFailure(fmt::format("{} takes no arguments", function));
}

int64_t to_integer(const Value& value, std::string_view what) {
  require_defined(value);
  if (!value.is_integer())
    throw RenderFailure(
        fmt::format("{}: '{}' object cannot be interpreted as an integer", what, type_name(value)));
  return value.integer();
}

const Text& to_string(const Value& value, std::string_view what) {
  require_defined(value);
  if (!value.is_string())
    throw RenderFailure(fmt::format("{}: expected a string, got {}", what, type_name(value)));
  return value.text();
}

}  // namespace llm::text::jinja
