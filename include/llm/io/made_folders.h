// The folders that an output needs, made before the work and taken away again when it fails.
#pragma once

#include <filesystem>
#include <vector>

namespace llm::io {

// Makes a folder and those above it that are missing. Unless keep() was called, the destructor
// removes those it made, as far as nothing lies in them. Not thread-safe.
class MadeFolders {
 public:
  // Throws: IoError; then nothing was made.
  explicit MadeFolders(const std::filesystem::path& folder);
  ~MadeFolders() { remove(); }
  MadeFolders(const MadeFolders&) = delete;
  MadeFolders& operator=(const MadeFolders&) = delete;

  bool empty() const { return made_.empty(); }  // all were there
  void keep() { made_.clear(); }

 private:
  void remove();

  std::vector<std::filesystem::path> made_;  // each in the one before
};

}  // namespace llm::io
