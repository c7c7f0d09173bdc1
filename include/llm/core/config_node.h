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
  std::string text() const;  // "path:line:column"; the source alone when the line is unknown
};

struct ConfigNode {
  enum class Kind { kNull, kBool, kInt, kFloat, kString, kArray, kObject };

  // Defined where the type is complete: it holds pairs of itself.
  ConfigNode();
  ~ConfigNode();
  ConfigNode(const ConfigNode&);
  ConfigNode(ConfigNode&&) noexcept;
  ConfigNode& operator=(const ConfigNode&);
  ConfigNode& operator=(ConfigNode&&) noexcept;

  Kind kind = Kind::kNull;
  bool boolean = false;
  int64_t integer = 0;
  double real = 0;  // also set for kInt
  std::string text;
  std::vector<ConfigNode> items;                            // kArray
  std::vector<std::pair<std::string, ConfigNode>> members;  // kObject, in file order, keys unique
  SourcePosition position;
  SourcePosition key_position;  // members of an object: where the name stood

  const ConfigNode* find(const std::string& key) const;  // nullptr when absent
  ConfigNode* find(const std::string& key);
};

const char* kind_name(ConfigNode::Kind kind);  // "a number", "an object", ...

// Leaves without a position. A whole number also sets `real`.
ConfigNode make_node(bool value);
ConfigNode make_node(int64_t value);
ConfigNode make_node(double value);
ConfigNode make_node(std::string value);
ConfigNode make_node(const char* value);

// The value on one line of JSON; for messages and comparisons. io/config_json.h writes files.
std::string json_text(const ConfigNode& node);

// Lays `overlay` over `base`: objects merge member by member, everything else is replaced.
ConfigNode merge(ConfigNode base, const ConfigNode& overlay);

// Sets the value at a dotted path, creating objects on the way. A whole number steps into an
// existing entry of a list: "data.sources.0.weight".
// Throws: ConfigError when the path has an empty part, or runs through something that is neither an
// object nor a list with such an entry.
void set_path(ConfigNode& root, const std::string& dotted_path, ConfigNode value);

}  // namespace llm::core
