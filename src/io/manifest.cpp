#include "llm/io/manifest.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <system_error>

#include "llm/core/error.h"
#include "llm/io/atomic_file.h"
#include "llm/io/hash.h"
#include "llm/io/json.h"

namespace llm::io {
namespace {

namespace fs = std::filesystem;

core::FormatError bad_manifest(const fs::path& file, const std::string& expected,
                               const std::string& got) {
  return core::FormatError({.where = file.string(),
                            .expected = expected,
                            .got = got,
                            .hint = "The directory was not written completely, or was edited"});
}

// What is wrong with manifest.json itself, without the path of its directory.
ManifestProblem unusable_manifest(const fs::path& file, const core::Error& error) {
  std::error_code unused;
  if (!fs::exists(file, unused)) return {ManifestFault::kNoManifest, kManifestName, "no manifest"};
  const core::ErrorInfo& info = error.info();
  const std::string folder = (file.parent_path() / "").string();
  const std::string where =
      info.where.starts_with(folder) ? info.where.substr(folder.size()) : info.where;
  return {
      ManifestFault::kNoManifest, kManifestName,
      core::format_error({.where = where, .expected = info.expected, .got = info.got, .hint = ""})};
}

std::string shortened(std::string text) {
  constexpr size_t kMaxShown = 60;
  if (text.size() > kMaxShown) text = text.substr(0, kMaxShown) + "...";
  return text;
}

bool is_hidden_or_temporary(const fs::path& relative) {
  const std::string name = relative.filename().string();
  return name.starts_with('.') || name.ends_with(".partial");
}

// Names of the regular files below `directory` that belong in a manifest, in order.
std::vector<std::string> listed_files(const fs::path& directory) {
  std::vector<std::string> names;
  std::error_code error;
  fs::recursive_directory_iterator files(directory, error);
  if (error) {
    throw core::IoError({.where = directory.string(),
                         .expected = "a readable directory",
                         .got = error.message(),
                         .hint = {}},
                        error.value());
  }
  for (const auto& file : files) {
    if (!file.is_regular_file()) continue;
    const fs::path relative = file.path().lexically_relative(directory);
    if (relative == kManifestName || is_hidden_or_temporary(relative)) continue;
    names.push_back(relative.generic_string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

void check_name(const fs::path& file, const std::string& name) {
  const fs::path path(name);
  const fs::path normal = path.lexically_normal();
  if (name.empty() || path.is_absolute() || normal != path || *normal.begin() == "..") {
    throw bad_manifest(file, "file names inside the directory", "\"" + name + "\"");
  }
}

ManifestEntry parse_entry(const fs::path& file, const std::string& name, const OrderedJson& json) {
  const std::string where = file.string() + ": " + name;
  if (!json.is_object() || !json.contains("size") || !json["size"].is_number_unsigned() ||
      !json.contains("xxh3") || !json["xxh3"].is_string()) {
    throw bad_manifest(file, R"({"size": bytes, "xxh3": "16 hex digits"} for )" + name,
                       shortened(json.dump(-1, ' ', true)));
  }
  return {json["size"].get<uint64_t>(), parse_hex64(json["xxh3"].get<std::string>(), where)};
}

std::optional<ManifestProblem> check_file(const fs::path& directory, const std::string& name,
                                          const ManifestEntry& expected, bool check_hashes) {
  const fs::path path = directory / name;
  std::error_code error;
  const uint64_t size = fs::file_size(path, error);
  if (error) return ManifestProblem{ManifestFault::kMissing, name, name + " is missing"};
  if (size != expected.size) {
    return ManifestProblem{
        ManifestFault::kSize, name,
        fmt::format("{} has {} bytes, its manifest says {}", name, size, expected.size)};
  }
  if (!check_hashes) return std::nullopt;
  const uint64_t hash = xxh3_file(path);
  if (hash == expected.xxh3) return std::nullopt;
  return ManifestProblem{
      ManifestFault::kHash, name,
      fmt::format("{} has hash {}, its manifest says {}", name, hex64(hash), hex64(expected.xxh3))};
}

}  // namespace

void write_manifest(const fs::path& directory) {
  OrderedJson files = OrderedJson::object();
  for (const std::string& name : listed_files(directory)) {
    const fs::path path = directory / name;
    files[name] = {{"size", fs::file_size(path)}, {"xxh3", hex64(xxh3_file(path))}};
  }
  write_file_atomically(directory / kManifestName, OrderedJson{{"files", files}}.dump(2) + "\n");
}

Manifest read_manifest(const fs::path& directory) {
  const fs::path file = directory / kManifestName;
  const OrderedJson json = read_ordered_json_file(file);
  if (!json.is_object() || !json.contains("files") || !json["files"].is_object()) {
    throw bad_manifest(file, R"({"files": {...}})", shortened(json.dump(-1, ' ', true)));
  }
  // A directory that lists nothing proves nothing.
  if (json["files"].empty()) throw bad_manifest(file, "at least one file", R"({"files": {}})");
  Manifest manifest;
  for (const auto& [name, entry] : json["files"].items()) {
    check_name(file, name);
    manifest[name] = parse_entry(file, name, entry);
  }
  return manifest;
}

std::vector<ManifestProblem> verify_manifest(const fs::path& directory, bool check_hashes) {
  Manifest manifest;
  try {
    manifest = read_manifest(directory);
  } catch (const core::Error& error) {
    return {unusable_manifest(directory / kManifestName, error)};
  }
  std::vector<ManifestProblem> problems;
  for (const auto& [name, entry] : manifest) {
    if (auto problem = check_file(directory, name, entry, check_hashes)) {
      problems.push_back(std::move(*problem));
    }
  }
  for (const std::string& name : listed_files(directory)) {
    if (!manifest.contains(name)) {
      problems.push_back({ManifestFault::kExtra, name, name + " is not in the manifest"});
    }
  }
  return problems;
}

bool has_valid_manifest(const fs::path& directory, bool check_hashes) {
  const std::vector<ManifestProblem> problems = verify_manifest(directory, check_hashes);
  return std::all_of(problems.begin(), problems.end(), [](const ManifestProblem& problem) {
    return problem.fault == ManifestFault::kExtra;
  });
}

}  // namespace llm::io
