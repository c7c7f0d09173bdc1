#include "corpus/json_members.h"

#include <fmt/format.h>

#include <filesystem>

#include "llm/core/error.h"

namespace llm::corpus {

void fail_member(const std::string& where, const std::string& expected, const std::string& got) {
  throw core::FormatError(
      {.where = where, .expected = expected, .got = got, .hint = "Make the dataset again"});
}

JsonMembers::JsonMembers(const io::OrderedJson& json, std::string where)
    : json_(json), where_(std::move(where)) {
  if (!json.is_object()) fail_member(where_, "an object", json.type_name());
}

const io::OrderedJson& JsonMembers::at(const char* key) const {
  const auto found = json_.find(key);
  if (found == json_.end()) fail_member(where_, fmt::format("a member \"{}\"", key), "none");
  return *found;
}

uint64_t JsonMembers::number(const char* key) const {
  const io::OrderedJson& value = at(key);
  if (!value.is_number_unsigned()) fail_member(place(key), "a whole number >= 0", value.dump());
  return value.get<uint64_t>();
}

std::string JsonMembers::text(const char* key) const {
  const io::OrderedJson& value = at(key);
  if (!value.is_string()) fail_member(place(key), "a string", value.dump());
  return value.get<std::string>();
}

const io::OrderedJson& JsonMembers::list(const char* key) const {
  const io::OrderedJson& value = at(key);
  if (!value.is_array()) fail_member(place(key), "a list", value.type_name());
  return value;
}

std::vector<std::string> JsonMembers::texts(const char* key) const {
  std::vector<std::string> out;
  for (const io::OrderedJson& item : list(key)) {
    if (!item.is_string()) fail_member(place(key), "a list of strings", item.type_name());
    out.push_back(item.get<std::string>());
  }
  return out;
}

std::string JsonMembers::file_name(const char* key) const {
  const std::filesystem::path file = text(key);
  if (file != file.filename()) fail_member(place(key), "a plain file name", file.string());
  return file.string();
}

std::vector<JsonMembers> JsonMembers::objects(const char* key) const {
  std::vector<JsonMembers> items;
  for (const io::OrderedJson& item : list(key))
    items.emplace_back(item, fmt::format("{}[{}]", place(key), items.size()));
  return items;
}

void JsonMembers::require_version(const char* format, uint64_t version) const {
  if (text("format") != format) fail_member(place("format"), format, text("format"));
  if (number("version") != version)
    fail_member(place("version"), std::to_string(version), std::to_string(number("version")));
}

}  // namespace llm::corpus
