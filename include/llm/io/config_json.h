// Run configurations: JSON with // and /* */ comments and trailing commas, positions kept,
// duplicate keys refused.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "llm/core/config_node.h"
#include "llm/io/json.h"

namespace llm::io {

// Throws: ConfigError with source:line:column for a syntax error or a duplicate key.
core::ConfigNode parse_config_json(std::string_view text, const std::string& source);

// Reads a config file and the chain of files it "extends" (relative to itself); the extending file
// wins. Throws: IoError for a missing file; ConfigError for syntax errors or a circle of "extends".
core::ConfigNode load_config_file(const std::filesystem::path& path);

// "optim.lr=3e-4" laid over `root`. The value is read as JSON; when it is none, as a plain string.
// Throws: ConfigError when there is no '=', and for bytes that are no UTF-8.
void apply_override(core::ConfigNode& root, const std::string& assignment);

OrderedJson to_json(const core::ConfigNode& node);
core::ConfigNode to_config_node(const OrderedJson& json, const std::string& source);

}  // namespace llm::io
