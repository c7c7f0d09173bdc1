// JSON with errors that say where. nlohmann::json is the value type everywhere outside
// configuration (see config_json.h).
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace llm::io {

using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json;  // keeps the file's key order; for files people read

// Throws: FormatError naming `where` and the line and column of the first problem. Objects and
// arrays within one another may be 512 levels deep.
Json parse_json(std::string_view text, const std::string& where);
OrderedJson parse_ordered_json(std::string_view text, const std::string& where);

// As parse_json, and also a FormatError for an object that names a key twice (JSON leaves open
// which one counts). Slower: for headers and configs, not for data lines.
Json parse_json_unique(std::string_view text, const std::string& where);
OrderedJson parse_ordered_json_unique(std::string_view text, const std::string& where);

// Whether the text is JSON, at any depth.
bool is_json(std::string_view text);

// The text of a value, on one line or with `indent` spaces per level. Bytes that are no UTF-8,
// which paths may hold, become U+FFFD.
std::string dump_json(const OrderedJson& value, int indent = -1);

// Throws: IoError when the file cannot be read; what parse_json and its kin throw, and FormatError
// for an empty file.
Json read_json_file(const std::filesystem::path& path);
OrderedJson read_ordered_json_file(const std::filesystem::path& path);
OrderedJson read_ordered_json_file_unique(const std::filesystem::path& path);

// What nlohmann says about a text that is no JSON, in plain words, for the "got" of an error:
// "']' in place of string literal".
std::string plain_json_problem(const std::string& what);

}  // namespace llm::io
