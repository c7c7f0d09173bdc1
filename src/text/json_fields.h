// Typed access to foreign JSON; every error names the file and the key.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "llm/core/error.h"
#include "llm/io/json.h"

namespace llm::text {

// A JSON value and where it came from ("tokenizer.json: model.merges[3]").
class JsonField {
 public:
  JsonField(const io::Json& value, std::string where) : value_(&value), where_(std::move(where)) {}
  // The whole of a file, whose members are named "FILE: key".
  static JsonField root(const io::Json& value, std::string file) {
    JsonField field(value, std::move(file));
    field.is_root_ = true;
    return field;
  }

  const io::Json& value() const { return *value_; }
  const std::string& where() const { return where_; }
  bool is_null() const { return value_->is_null(); }
  bool is_string() const { return value_->is_string(); }
  bool is_array() const { return value_->is_array(); }
  bool is_object() const { return value_->is_object(); }

  // A member; a null value when it is absent. Throws: FormatError when this is no object.
  JsonField at(const std::string& key) const;
  JsonField item(size_t index) const;  // Requires: an array, index < size()
  size_t size() const { return value_->size(); }

  // Throws: FormatError for another type.
  const std::string& string() const;
  int64_t integer() const;
  const JsonField& array() const;
  const JsonField& object() const;
  bool boolean_or(bool fallback) const;  // null counts as absent

  // expected `expected`, got the value.
  [[noreturn]] void refuse(const std::string& expected, const std::string& hint = "") const;

 private:
  const io::Json* value_;
  std::string where_;
  bool is_root_ = false;
};

}  // namespace llm::text
