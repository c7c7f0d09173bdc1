#include <fmt/format.h>

#include <algorithm>

#include "llm/core/config.h"

namespace llm::core {
namespace {

using Kind = ConfigNode::Kind;

bool is_number(const ConfigNode& node) {
  return node.kind == Kind::kInt || node.kind == Kind::kFloat;
}

bool equal(const ConfigNode& a, const ConfigNode& b) {
  if (a.kind == Kind::kInt && b.kind == Kind::kInt) return a.integer == b.integer;
  if (is_number(a) && is_number(b)) return a.real == b.real;
  return a.kind == b.kind && json_text(a) == json_text(b);
}

std::string shown(const ConfigNode* node) {
  return node == nullptr ? "(absent)" : json_text(*node);
}

class Differ {
 public:
  explicit Differ(std::vector<ConfigDifference>& out) : out_(out) {}

  void compare(const std::string& key, const ConfigNode* before, const ConfigNode* after) {
    const bool both = before != nullptr && after != nullptr;
    if (both && before->kind == Kind::kObject && after->kind == Kind::kObject) {
      compare_members(key, *before, *after);
    } else if (both && before->kind == Kind::kArray && after->kind == Kind::kArray &&
               before->items.size() == after->items.size()) {
      for (size_t i = 0; i < before->items.size(); ++i) {
        compare(fmt::format("{}[{}]", key, i), &before->items[i], &after->items[i]);
      }
    } else if (!both || !equal(*before, *after)) {
      out_.push_back({key, shown(before), shown(after)});
    }
  }

 private:
  void compare_members(const std::string& key, const ConfigNode& before, const ConfigNode& after) {
    const std::string prefix = key.empty() ? "" : key + ".";
    for (const auto& [name, value] : before.members) {
      compare(prefix + name, &value, after.find(name));
    }
    for (const auto& [name, value] : after.members) {
      if (before.find(name) == nullptr) compare(prefix + name, nullptr, &value);
    }
  }

  std::vector<ConfigDifference>& out_;
};

}  // namespace

std::vector<ConfigDifference> diff_config(const ConfigNode& before, const ConfigNode& after) {
  std::vector<ConfigDifference> differences;
  Differ(differences).compare("", &before, &after);
  return differences;
}

}  // namespace llm::core
