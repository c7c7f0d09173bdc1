// Checked access to the members of the JSON files that describe a dataset.
#pragma once

#include <string>
#include <vector>

#include "llm/io/json.h"

namespace llm::corpus {

// Throws: FormatError.
[[noreturn]] void fail_member(const std::string& where, const std::string& expected,
                              const std::string& got);

// One object of a file. Each member function throws FormatError for what is not there or of another
// type. Refers to the JSON it is given.
class JsonMembers {
 public:
  JsonMembers(const io::OrderedJson& json, std::string where);

  const io::OrderedJson& at(const char* key) const;
  uint64_t number(const char* key) const;
  std::string text(const char* key) const;
  std::vector<std::string> texts(const char* key) const;
  // The name of a file in the folder of the dataset.
  std::string file_name(const char* key) const;
  JsonMembers object(const char* key) const { return {at(key), place(key)}; }
  std::vector<JsonMembers> objects(const char* key) const;
  std::string place(const char* key) const { return where_ + ": " + key; }
  // "format" and "version" are these.
  void require_version(const char* format, uint64_t version) const;

 private:
  const io::OrderedJson& list(const char* key) const;

  const io::OrderedJson& json_;
  std::string where_;
};

}  // namespace llm::corpus
