#include "llm/io/config_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "io/config_parser.h"
#include "io/utf8_check.h"
#include "llm/core/error.h"
#include "llm/io/file.h"

namespace llm::io {
namespace {

using core::ConfigNode;
using Kind = ConfigNode::Kind;
namespace fs = std::filesystem;

void remove_member(ConfigNode& object, std::string_view name) {
  std::erase_if(object.members, [&](const auto& member) { return member.first == name; });
}

// The file named by "extends", relative to the file that says so.
fs::path base_path(const ConfigNode& extends, const fs::path& extending) {
  if (extends.kind != Kind::kString) {
    throw core::ConfigError({.where = extends.position.text() + ": extends",
                             .expected = "the path of a config file",
                             .got = json_text(extends),
                             .hint = ""});
  }
  const fs::path base = extending.parent_path() / extends.text;
  std::error_code unused;
  if (!fs::exists(base, unused)) {
    throw core::IoError({.where = extends.position.text() + ": extends",
                         .expected = "a config file",
                         .got = "no such file: " + base.string(),
                         .hint = "The path is taken relative to the file that extends it"},
                        ENOENT);
  }
  return base;
}

ConfigNode load_chain(const fs::path& path, std::vector<fs::path>& chain) {
  chain.push_back(fs::weakly_canonical(path));
  ConfigNode node = parse_config_json(read_file(path), path.string());
  if (node.kind != Kind::kObject) {
    throw core::ConfigError({.where = node.position.text(),
                             .expected = "a configuration object { ... }",
                             .got = kind_name(node.kind),
                             .hint = ""});
  }
  remove_member(node, "$schema");
  const ConfigNode* found = node.find("extends");
  if (found == nullptr) return node;
  const ConfigNode extends = *found;
  remove_member(node, "extends");
  const fs::path base = base_path(extends, path);
  if (std::find(chain.begin(), chain.end(), fs::weakly_canonical(base)) != chain.end()) {
    throw core::ConfigError({.where = extends.position.text() + ": extends",
                             .expected = "a file outside this chain",
                             .got = base.string() + ", which leads back here",
                             .hint = "Remove one \"extends\" of the circle"});
  }
  return merge(load_chain(base, chain), node);
}

// Positions inside a command-line value mean nothing to a person.
void forget_lines(ConfigNode& node) {
  node.position.line = node.key_position.line = 0;
  for (ConfigNode& item : node.items) forget_lines(item);
  for (auto& [unused, member] : node.members) forget_lines(member);
}

}  // namespace

ConfigNode parse_config_json(std::string_view text, const std::string& source) {
  return ConfigParser(text, source).parse();
}

ConfigNode load_config_file(const fs::path& path) {
  std::vector<fs::path> chain;
  return load_chain(path, chain);
}

void apply_override(ConfigNode& root, const std::string& assignment) {
  const std::string source = "--set";
  const size_t equals = assignment.find('=');
  if (equals == std::string::npos || equals == 0) {
    throw core::ConfigError({.where = source,
                             .expected = "key=value, as in optim.lr=3e-4",
                             .got = "\"" + assignment + "\"",
                             .hint = ""});
  }
  if (const size_t bad = first_invalid_utf8(assignment); bad != std::string::npos) {
    throw core::ConfigError(
        {.where = source + " " + assignment.substr(0, std::min(bad, equals)),
         .expected = "UTF-8 text",
         .got = fmt::format("byte 0x{:02x} at byte {}", static_cast<unsigned char>(assignment[bad]),
                            bad + 1),
         .hint = "A path in a run config must be UTF-8; rename the file, or "
                 "link to it under another name"});
  }
  const std::string text = assignment.substr(equals + 1);
  ConfigNode value;
  try {
    value = parse_config_json(text, source);
  } catch (const core::ConfigError&) {
    value = core::make_node(text);
  }
  value.position.source = value.key_position.source = source;
  forget_lines(value);
  set_path(root, assignment.substr(0, equals), std::move(value));
}

OrderedJson to_json(const ConfigNode& node) {
  switch (node.kind) {
    case Kind::kNull:
      return nullptr;
    case Kind::kBool:
      return node.boolean;
    case Kind::kInt:
      return node.integer;
    case Kind::kFloat:
      return node.real;
    case Kind::kString:
      return node.text;
    case Kind::kArray: {
      OrderedJson array = OrderedJson::array();
      for (const ConfigNode& item : node.items) array.push_back(to_json(item));
      return array;
    }
    case Kind::kObject: {
      OrderedJson object = OrderedJson::object();
      for (const auto& [name, member] : node.members) object[name] = to_json(member);
      return object;
    }
  }
  return nullptr;
}

ConfigNode to_config_node(const OrderedJson& json, const std::string& source) {
  ConfigNode node;
  if (json.is_boolean()) {
    node = core::make_node(json.get<bool>());
  } else if (json.is_number_integer()) {
    const bool fits = !json.is_number_unsigned() || json.get<uint64_t>() <= INT64_MAX;
    node = fits ? core::make_node(json.get<int64_t>()) : core::make_node(json.get<double>());
  } else if (json.is_number()) {
    node = core::make_node(json.get<double>());
  } else if (json.is_string()) {
    node = core::make_node(json.get<std::string>());
  } else if (json.is_array()) {
    node.kind = Kind::kArray;
    for (const OrderedJson& item : json) node.items.push_back(to_config_node(item, source));
  } else if (json.is_object()) {
    node.kind = Kind::kObject;
    for (const auto& [name, member] : json.items()) {
      node.members.emplace_back(name, to_config_node(member, source));
    }
  }
  node.position.source = node.key_position.source = source;
  return node;
}

}  // namespace llm::io
