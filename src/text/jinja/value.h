// The values of the template language, with Python's meaning.
//
// Strings, lists, tuples and dicts never change once made, so values share them. Objects that do
// change (namespaces) or refer to scopes (macros, loops) belong to the interpreter and live until
// it ends; nothing can therefore hold itself alive, and no chain of owners grows longer than
// kMaxContainerDepth.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "text/jinja/budget.h"
#include "text/jinja/origin_text.h"

namespace llm::text::jinja {

class Value;
struct Sequence;
struct Dict;

struct None {};
struct Undefined {
  std::shared_ptr<const std::string> message;  // what an attempt to use it says
};

// Things with identity: functions, methods, macros, loops, namespaces.
class Object {
 public:
  virtual ~Object() = default;
  virtual const char* type_name() const = 0;
  virtual bool is_callable() const { return false; }
  // Lets go of the values it holds.
  virtual void clear() {}
};

class Value {
 public:
  Value() : data_(None{}) {}
  Value(None none) : data_(none) {}       // NOLINT: values convert
  Value(bool value) : data_(value) {}     // NOLINT
  Value(int64_t value) : data_(value) {}  // NOLINT
  Value(double value) : data_(value) {}   // NOLINT
  Value(Text text) : data_(std::make_shared<const Text>(std::move(text))) {}  // NOLINT
  Value(Undefined undefined) : data_(std::move(undefined)) {}                 // NOLINT
  Value(std::shared_ptr<Sequence> sequence) : data_(std::move(sequence)) {}   // NOLINT
  Value(std::shared_ptr<Dict> dict) : data_(std::move(dict)) {}               // NOLINT
  Value(Object* object) : data_(object) {}                                    // NOLINT
  Value(const char*) = delete;
  static Value undefined(std::string message) {
    return Undefined{std::make_shared<const std::string>(std::move(message))};
  }

  template <class T>
  bool is() const {
    return std::holds_alternative<T>(data_);
  }
  bool is_none() const { return is<None>(); }
  bool is_undefined() const { return is<Undefined>(); }
  bool is_string() const { return is<TextRef>(); }
  bool is_sequence() const { return is<SequenceRef>(); }
  bool is_dict() const { return is<DictRef>(); }
  bool is_integer() const { return is<bool>() || is<int64_t>(); }  // a bool is an int in Python
  bool is_number() const { return is_integer() || is<double>(); }

  const Text& text() const { return *std::get<TextRef>(data_); }
  std::string_view bytes() const { return text().bytes(); }
  Sequence& sequence() const { return *std::get<SequenceRef>(data_); }
  const Dict& dict() const { return *std::get<DictRef>(data_); }
  Object* object() const { return is<Object*>() ? std::get<Object*>(data_) : nullptr; }
  template <class T>
  T* object_as() const {
    return dynamic_cast<T*>(object());
  }
  // Requires: is_integer().
  int64_t integer() const { return is<bool>() ? std::get<bool>(data_) : std::get<int64_t>(data_); }
  // Requires: is_number().
  double number() const {
    return is<double>() ? std::get<double>(data_) : static_cast<double>(integer());
  }
  bool boolean() const { return std::get<bool>(data_); }
  const std::string& undefined_message() const { return *std::get<Undefined>(data_).message; }
  // The same thing, not only an equal one: Python's `is`.
  bool is_same(const Value& other) const;

 private:
  using TextRef = std::shared_ptr<const Text>;
  using SequenceRef = std::shared_ptr<Sequence>;
  using DictRef = std::shared_ptr<Dict>;
  std::variant<None, bool, int64_t, double, TextRef, SequenceRef, DictRef, Object*, Undefined>
      data_;
};

enum class SequenceKind { kList, kTuple, kGenerator, kRange, kView, kGroup };

struct Sequence {
  SequenceKind kind = SequenceKind::kList;
  std::vector<Value> items;
  OriginId origin = kTemplateOrigin;
  int depth = 1;
  bool is_consumed = false;  // a generator gives its items once
  std::string label;         // how a view or range shows itself: "dict_keys", "range(0, 3)"
};

struct Dict {
  std::vector<std::pair<Value, Value>> items;  // in the order of insertion
  OriginId origin = kTemplateOrigin;
  int depth = 1;
  int message = -1;  // the message of the conversation that it is

  const Value* find(std::string_view key) const;
};

// Depth of a value inside a container; 0 for what holds nothing.
int depth_of(const Value& value);
// Python's name of the type: "str", "list".
std::string type_name(const Value& value);
bool is_true(const Value& value);
bool equals(const Value& a, const Value& b, Budget& budget);
// a < b. Throws: RenderFailure for values without an order.
bool is_less(const Value& a, const Value& b, Budget& budget);
const Value* find(const Dict& dict, const Value& key, Budget& budget);
// Adds or replaces. Throws: RenderFailure for a key that Python cannot hash.
void insert(Dict& dict, const Value& key, Value value, Budget& budget);
// Throws: RenderFailure when the value was never set.
void require_defined(const Value& value);

// str(value) and repr(value). str of a string is the string itself, with its origins.
Text to_text(const Value& value, Budget& budget);
Text to_repr(const Value& value, Budget& budget);
// Python's repr of a float: the shortest digits that read back as the same number.
std::string float_repr(double value);

}  // namespace llm::text::jinja
