// Arguments of calls, filters and tests, bound to parameters as Python does.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/jinja/value.h"

namespace llm::text::jinja {

struct Args {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;
};

class Bound {
 public:
  // `required` counts the first parameters that must be there. Throws: RenderFailure for arguments
  // that do not fit.
  Bound(std::string_view function, const Args& args,
        std::initializer_list<std::string_view> parameters, size_t required = 0);

  bool has(size_t index) const { return values_[index] != nullptr; }
  // There and not None.
  bool is_set(size_t index) const { return has(index) && !values_[index]->is_none(); }
  // Requires: has(index).
  const Value& at(size_t index) const { return *values_[index]; }
  Value value_or(size_t index, Value fallback) const {
    return has(index) ? at(index) : std::move(fallback);
  }
  // These throw RenderFailure for a value of another type.
  int64_t integer_or(size_t index, int64_t fallback) const;
  const Text& text(size_t index) const;
  bool truth_or(size_t index, bool fallback) const {
    return has(index) ? is_true(at(index)) : fallback;
  }

 private:
  std::string_view function_;
  std::vector<const Value*> values_;
};

// Throws: RenderFailure when there is any argument.
void require_no_arguments(std::string_view function, const Args& args);
// Throws: RenderFailure for what is no whole number.
int64_t to_integer(const Value& value, std::string_view what);
const Text& to_string(const Value& value, std::string_view what);

}  // namespace llm::text::jinja
