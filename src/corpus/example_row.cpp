#include "corpus/example_row.h"

#include "llm/core/error.h"

namespace llm::corpus {

ExampleRow::ExampleRow(const io::OrderedJson& json, const ExampleColumns& columns,
                       const std::string& where)
    : json_(json), columns_(columns), where_(where) {
  if (!json.is_object())
    fail("", "a JSON object", json_kind(json), "Every line of a JSON lines file holds one object");
}

const io::OrderedJson* ExampleRow::find(const std::string& column) const {
  const auto found = column.empty() ? json_.end() : json_.find(column);
  return found == json_.end() || found->is_null() ? nullptr : &*found;
}

const std::string& ExampleRow::text(const std::string& column) const {
  const io::OrderedJson* value = find(column);
  if (!value) fail(column, "a string", "nothing");
  if (!value->is_string()) fail(column, "a string", json_kind(*value));
  return value->get_ref<const std::string&>();
}

std::string ExampleRow::text_or_empty(const std::string& column) const {
  return has(column) ? text(column) : "";
}

std::vector<std::string> ExampleRow::names() const {
  std::vector<std::string> names;
  for (const auto& [name, value] : json_.items())
    if (!value.is_null()) names.push_back(name);
  return names;
}

void ExampleRow::fail(const std::string& place, const std::string& expected, const std::string& got,
                      const std::string& hint) const {
  throw core::DataError({.where = place.empty() ? where_ : where_ + ": " + place,
                         .expected = expected,
                         .got = got,
                         .hint = hint});
}

const char* json_kind(const io::OrderedJson& value) {
  switch (value.type()) {
    case io::OrderedJson::value_t::null:
      return "null";
    case io::OrderedJson::value_t::object:
      return "an object";
    case io::OrderedJson::value_t::array:
      return "a list";
    case io::OrderedJson::value_t::string:
      return "a string";
    case io::OrderedJson::value_t::boolean:
      return "true or false";
    default:
      return "a number";
  }
}

}  // namespace llm::corpus
