// A parsed configuration tree that remembers where in which file every value stood.
// io/config_json.h reads it from commented JSON; config.h moves it into structs. Plain values, no
// thread rules.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace llm::core {

struct SourcePosition {
  std::string source;  // a path, or "--set" for the command line
  int line = 0;        // 1-based; 0: unknown
  int column = 0;
  std::string text() const;  // "path:line:column"
};

struct ConfigNode {
  enum class Kind { kNull, kBool, kInt, kFloat, kString, kArray, kObject };

  Kind kind = Kind::kNull;
  bool boolean = false;
  int64_t integer = 0;
  double real = 0;  // also set for kInt
  std::string text;
  std::vector<ConfigNode> items;                            // kArray
  std::vector<std::pair<std::string, ConfigNode>> members;  // kObject, in file order, keys unique
  SourcePosition position;

  const ConfigNode* find(const std::string& key) const;  // nullptr when absent
  ConfigNode* find(const std::string& key);
};

const char* kind_name(ConfigNode::Kind kind);  // "a number", "an object", ...

// Lays `overlay` over `base`: objects merge member by member, everything else is replaced.
ConfigNode merge(ConfigNode base, const ConfigNode& overlay);

// Sets the value at a dotted path, creating objects on the way.
// Throws: ConfigError when the path runs through something that is no object.
void set_path(ConfigNode& root, const std::string& dotted_path, ConfigNode value);

}  // namespace llm::core
