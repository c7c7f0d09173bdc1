// The manifest of a directory: size and XXH3-64 of every file in it, written last, so that a
// directory with a valid manifest is complete.
//
//   manifest.json: {"files": {"model.safetensors": {"size": 1234, "xxh3": "0011223344556677"},
//   ...}}
//
// Names are relative to the directory, with '/' between folders; manifest.json itself is not
// listed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace llm::io {

inline constexpr const char* kManifestName = "manifest.json";

struct ManifestEntry {
  uint64_t size = 0;
  uint64_t xxh3 = 0;
};
using Manifest = std::map<std::string, ManifestEntry>;  // by name

enum class ManifestFault {
  kNoManifest,  // absent, or not of the format
  kMissing,     // listed, but not there
  kSize,        // there, with another size
  kHash,        // the same size, another content
  kExtra        // there, but not listed: harmless for whoever reads the listed files
};

struct ManifestProblem {
  ManifestFault fault = ManifestFault::kNoManifest;
  std::string name;     // the file's, relative to the directory
  std::string message;  // one sentence with what was expected and found
};

// Hashes every regular file below `directory` and writes manifest.json atomically. Hidden files and
// temporary files of AtomicFile are left out. Throws: IoError.
void write_manifest(const std::filesystem::path& directory);

// Throws: IoError when manifest.json is missing; FormatError when it is not of the format, lists
// nothing, or names a file outside the directory.
Manifest read_manifest(const std::filesystem::path& directory);

// Everything that is wrong; empty when nothing is. Sizes are compared always, contents only with
// `check_hashes` (which reads every byte). Throws: IoError when a listed file cannot be read.
std::vector<ManifestProblem> verify_manifest(const std::filesystem::path& directory,
                                             bool check_hashes);

// Whether every listed file is there and unchanged: verify_manifest finds nothing but extra files.
bool has_valid_manifest(const std::filesystem::path& directory, bool check_hashes);

}  // namespace llm::io
