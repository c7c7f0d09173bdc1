// Typed reads out of one JSON object; what has the wrong type becomes a problem.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "arch/problems.h"
#include "llm/io/json.h"

namespace llm::arch {

class KeyReader {
 public:
  // `prefix` stands before the keys in messages: "" or "rope_scaling.".
  KeyReader(const io::OrderedJson& object, std::string prefix, Problems& problems)
      : object_(object), prefix_(std::move(prefix)), problems_(problems) {}

  bool has(const char* key) const { return find(key) != nullptr; }
  // An absent key leaves `out` as it is; so does null where `out` cannot be empty.
  void read(const char* key, int64_t& out);
  void read(const char* key, double& out);
  void read(const char* key, bool& out);
  void read(const char* key, std::string& out);
  // Null empties `out`.
  void read(const char* key, std::optional<int64_t>& out);
  void read(const char* key, std::optional<double>& out);
  // A missing or null key is a problem too.
  template <class T>
  void require(const char* key, T& out) {
    if (find(key) == nullptr)
      problems_.add(prefix_ + key, "missing", "Add it to the config");
    else
      read(key, out);
  }

 private:
  const io::OrderedJson* find(const char* key) const;  // nullptr: absent or null
  void add_type_problem(const char* key, const char* expected, const io::OrderedJson& got);

  const io::OrderedJson& object_;
  std::string prefix_;
  Problems& problems_;
};

}  // namespace llm::arch
