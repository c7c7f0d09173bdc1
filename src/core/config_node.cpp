#include "llm/core/config_node.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <string_view>

#include "llm/core/error.h"

namespace llm::core {
namespace {

using Kind = ConfigNode::Kind;

void append_string(std::string& out, const std::string& text) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  out += '"';
}

void append_json(std::string& out, const ConfigNode& node);

void append_array(std::string& out, const ConfigNode& node) {
  out += '[';
  for (size_t i = 0; i < node.items.size(); ++i) {
    if (i > 0) out += ", ";
    append_json(out, node.items[i]);
  }
  out += ']';
}

void append_object(std::string& out, const ConfigNode& node) {
  out += '{';
  for (size_t i = 0; i < node.members.size(); ++i) {
    if (i > 0) out += ", ";
    append_string(out, node.members[i].first);
    out += ": ";
    append_json(out, node.members[i].second);
  }
  out += '}';
}

void append_json(std::string& out, const ConfigNode& node) {
  switch (node.kind) {
    case Kind::kNull:
      out += "null";
      return;
    case Kind::kBool:
      out += node.boolean ? "true" : "false";
      return;
    case Kind::kInt:
      out += fmt::to_string(node.integer);
      return;
    case Kind::kFloat:
      // "-0" would be read as the whole number 0.
      out += node.real == 0 && std::signbit(node.real) ? "-0.0" : fmt::to_string(node.real);
      return;
    case Kind::kString:
      append_string(out, node.text);
      return;
    case Kind::kArray:
      append_array(out, node);
      return;
    case Kind::kObject:
      append_object(out, node);
      return;
  }
}

// The entry of a list that `part` numbers, or nullptr.
ConfigNode* list_entry(ConfigNode& node, std::string_view part) {
  if (node.kind != Kind::kArray) return nullptr;
  size_t index = 0;
  const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), index);
  const bool is_number = error == std::errc() && end == part.data() + part.size();
  return is_number && index < node.items.size() ? &node.items[index] : nullptr;
}

ConfigNode& step_into(ConfigNode& node, const std::string& part, const std::string& path) {
  if (ConfigNode* entry = list_entry(node, part)) return *entry;
  if (node.kind == Kind::kNull) node.kind = Kind::kObject;
  if (node.kind != Kind::kObject) {
    throw ConfigError({.where = path,
                       .expected = fmt::format("an object that can hold \"{}\"", part),
                       .got = json_text(node),
                       .hint = node.kind == Kind::kArray
                                   ? "Entries of a list are numbered from 0, as in sources.0.weight"
                                   : ""});
  }
  if (ConfigNode* child = node.find(part)) return *child;
  return node.members.emplace_back(part, ConfigNode{}).second;
}

}  // namespace

ConfigNode::ConfigNode() = default;
ConfigNode::~ConfigNode() = default;
ConfigNode::ConfigNode(const ConfigNode&) = default;
ConfigNode::ConfigNode(ConfigNode&&) noexcept = default;
ConfigNode& ConfigNode::operator=(const ConfigNode&) = default;
ConfigNode& ConfigNode::operator=(ConfigNode&&) noexcept = default;

std::string SourcePosition::text() const {
  return line > 0 ? fmt::format("{}:{}:{}", source, line, column) : source;
}

const ConfigNode* ConfigNode::find(const std::string& key) const {
  for (const auto& [name, value] : members) {
    if (name == key) return &value;
  }
  return nullptr;
}

ConfigNode* ConfigNode::find(const std::string& key) {
  return const_cast<ConfigNode*>(std::as_const(*this).find(key));
}

const char* kind_name(ConfigNode::Kind kind) {
  switch (kind) {
    case Kind::kNull:
      return "null";
    case Kind::kBool:
      return "true or false";
    case Kind::kInt:
      return "a whole number";
    case Kind::kFloat:
      return "a number";
    case Kind::kString:
      return "a string";
    case Kind::kArray:
      return "a list";
    case Kind::kObject:
      return "an object";
  }
  return "?";
}

ConfigNode make_node(bool value) {
  ConfigNode node;
  node.kind = Kind::kBool;
  node.boolean = value;
  return node;
}

ConfigNode make_node(int64_t value) {
  ConfigNode node;
  node.kind = Kind::kInt;
  node.integer = value;
  node.real = static_cast<double>(value);
  return node;
}

ConfigNode make_node(double value) {
  ConfigNode node;
  node.kind = Kind::kFloat;
  node.real = value;
  return node;
}

ConfigNode make_node(std::string value) {
  ConfigNode node;
  node.kind = Kind::kString;
  node.text = std::move(value);
  return node;
}

ConfigNode make_node(const char* value) { return make_node(std::string(value)); }

std::string json_text(const ConfigNode& node) {
  std::string out;
  append_json(out, node);
  return out;
}

ConfigNode merge(ConfigNode base, const ConfigNode& overlay) {
  if (base.kind != Kind::kObject || overlay.kind != Kind::kObject) return overlay;
  for (const auto& [name, value] : overlay.members) {
    if (ConfigNode* present = base.find(name)) {
      *present = merge(std::move(*present), value);
    } else {
      base.members.emplace_back(name, value);
    }
  }
  base.position = overlay.position;
  base.key_position = overlay.key_position;
  return base;
}

void set_path(ConfigNode& root, const std::string& dotted_path, ConfigNode value) {
  ConfigNode* node = &root;
  for (size_t begin = 0; begin <= dotted_path.size();) {
    const size_t end = std::min(dotted_path.find('.', begin), dotted_path.size());
    const std::string part = dotted_path.substr(begin, end - begin);
    if (part.empty()) {
      throw ConfigError({.where = "\"" + dotted_path + "\"",
                         .expected = "a dotted key such as optim.lr",
                         .got = "an empty part",
                         .hint = ""});
    }
    node = &step_into(*node, part, dotted_path);
    begin = end + 1;
  }
  *node = std::move(value);
}

}  // namespace llm::core
