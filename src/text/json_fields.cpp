#include "text/json_fields.h"

#include <fmt/format.h>

namespace llm::text {
namespace {

const io::Json kNull;
constexpr size_t kShownCharacters = 60;

}  // namespace

JsonField JsonField::at(const std::string& key) const {
  if (!value_->is_object()) refuse("an object");
  const auto found = value_->find(key);
  return {found == value_->end() ? kNull : *found, where_ + (is_root_ ? ": " : ".") + key};
}

JsonField JsonField::item(size_t index) const {
  return {(*value_)[index], fmt::format("{}[{}]", where_, index)};
}

const std::string& JsonField::string() const {
  if (!value_->is_string()) refuse("a string");
  return value_->get_ref<const std::string&>();
}

int64_t JsonField::integer() const {
  if (!value_->is_number_integer()) refuse("a whole number");
  return value_->get<int64_t>();
}

const JsonField& JsonField::array() const {
  if (!value_->is_array()) refuse("an array");
  return *this;
}

const JsonField& JsonField::object() const {
  if (!value_->is_object()) refuse("an object");
  return *this;
}

bool JsonField::boolean_or(bool fallback) const {
  if (value_->is_null()) return fallback;
  if (!value_->is_boolean()) refuse("true or false");
  return value_->get<bool>();
}

void JsonField::refuse(const std::string& expected, const std::string& hint) const {
  std::string got = value_->is_null()
                        ? "nothing"
                        : value_->dump(-1, ' ', true, io::Json::error_handler_t::replace);
  if (got.size() > kShownCharacters) got = got.substr(0, kShownCharacters) + "...";
  throw core::FormatError({where_, expected, got, hint});
}

}  // namespace llm::text
