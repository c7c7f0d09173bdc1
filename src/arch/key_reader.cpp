#include "arch/key_reader.h"

#include <fmt/format.h>

namespace llm::arch {

const io::OrderedJson* KeyReader::find(const char* key) const {
  const auto it = object_.find(key);
  return it == object_.end() || it->is_null() ? nullptr : &*it;
}

void KeyReader::add_type_problem(const char* key, const char* expected,
                                 const io::OrderedJson& got) {
  problems_.add(prefix_ + key, fmt::format("expected {}, got {}", expected, got.dump()),
                "Correct the value");
}

void KeyReader::read(const char* key, int64_t& out) {
  const io::OrderedJson* value = find(key);
  if (value == nullptr) return;
  const bool fits = !value->is_number_unsigned() || value->get<uint64_t>() <= INT64_MAX;
  if (value->is_number_integer() && fits)
    out = value->get<int64_t>();
  else
    add_type_problem(key, "a whole number", *value);
}

void KeyReader::read(const char* key, double& out) {
  const io::OrderedJson* value = find(key);
  if (value == nullptr) return;
  if (value->is_number())
    out = value->get<double>();
  else
    add_type_problem(key, "a number", *value);
}

void KeyReader::read(const char* key, bool& out) {
  const io::OrderedJson* value = find(key);
  if (value == nullptr) return;
  if (value->is_boolean())
    out = value->get<bool>();
  else
    add_type_problem(key, "true or false", *value);
}

void KeyReader::read(const char* key, std::string& out) {
  const io::OrderedJson* value = find(key);
  if (value == nullptr) return;
  if (value->is_string())
    out = value->get<std::string>();
  else
    add_type_problem(key, "a string", *value);
}

void KeyReader::read(const char* key, std::optional<int64_t>& out) {
  if (!object_.contains(key)) return;
  out.reset();
  if (find(key) != nullptr) read(key, out.emplace());
}

void KeyReader::read(const char* key, std::optional<double>& out) {
  if (!object_.contains(key)) return;
  out.reset();
  if (find(key) != nullptr) read(key, out.emplace());
}

}  // namespace llm::arch
