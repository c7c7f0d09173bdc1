// A row's columns, with checked access and errors that name the place.
#pragma once

#include <string>
#include <vector>

#include "llm/corpus/example.h"

namespace llm::corpus {

// Refers to what it is given; lives as long as one row is parsed.
class ExampleRow {
 public:
  // Throws: DataError when the row is no object.
  ExampleRow(const io::OrderedJson& json, const ExampleColumns& columns, const std::string& where);

  const io::OrderedJson& json() const { return json_; }
  const ExampleColumns& columns() const { return columns_; }
  const std::string& where() const { return where_; }

  // nullptr: absent, null, or a column of no name.
  const io::OrderedJson* find(const std::string& column) const;
  bool has(const std::string& column) const { return find(column) != nullptr; }
  // Throws: DataError when the column is no string.
  const std::string& text(const std::string& column) const;
  std::string text_or_empty(const std::string& column) const;
  // Names of the columns that are there, in order.
  std::vector<std::string> names() const;

  // `place` stands behind where: "messages[2]"; "" for the row as a whole.
  [[noreturn]] void fail(const std::string& place, const std::string& expected,
                         const std::string& got, const std::string& hint = "") const;

 private:
  const io::OrderedJson& json_;
  const ExampleColumns& columns_;
  const std::string& where_;
};

// "a list", "a number", ...
const char* json_kind(const io::OrderedJson& value);

}  // namespace llm::corpus
