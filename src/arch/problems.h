// Collects everything wrong with a config, so that one error lists it all.
#pragma once

#include <string>
#include <vector>

namespace llm::arch {

class Problems {
 public:
  // "key: what. fix"
  void add(const std::string& key, const std::string& what, const std::string& fix);
  bool empty() const { return lines_.empty(); }
  // Throws: ConfigError naming `where` when there is any problem.
  void throw_if_any(const std::string& where, const std::string& expected) const;

 private:
  std::vector<std::string> lines_;
};

}  // namespace llm::arch
