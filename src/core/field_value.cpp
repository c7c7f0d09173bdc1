#include "core/field_value.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace llm::core {
namespace {

template <class T>
ConfigNode to_node(const T& value) {
  return make_node(value);
}
ConfigNode to_node(const EnumField& value) { return make_node(value.get()); }

template <class T>
ConfigNode to_node(const std::optional<T>& value) {
  return value.has_value() ? make_node(*value) : ConfigNode{};
}

template <class T>
ConfigNode to_node(const std::vector<T>& values) {
  ConfigNode node;
  node.kind = ConfigNode::Kind::kArray;
  for (const T& value : values) node.items.push_back(make_node(value));
  return node;
}

std::string type_of(const bool*) { return "true or false"; }
std::string type_of(const int64_t*) { return "whole number"; }
std::string type_of(const double*) { return "number"; }
std::string type_of(const std::string*) { return "string"; }
std::string type_of(const EnumField*) { return ""; }
template <class T>
std::string type_of(const std::optional<T>*) {
  return type_of(static_cast<const T*>(nullptr)) + " or null";
}
template <class T>
std::string type_of(const std::vector<T>*) {
  return "list of " + type_of(static_cast<const T*>(nullptr)) + "s";
}

}  // namespace

ConfigNode field_value(const FieldRef& value) {
  return std::visit([](const auto* pointer) { return to_node(*pointer); }, value);
}

std::string field_type(const FieldInfo& info, const FieldRef& value) {
  if (!info.choices.empty()) return fmt::format("{}", fmt::join(info.choices, "|"));
  return std::visit([](const auto* pointer) { return type_of(pointer); }, value);
}

}  // namespace llm::core
