// A directory that appears whole or not at all: filled as "TARGET.partial", renamed at the end.
#pragma once

#include <filesystem>

#include "llm/io/made_folders.h"

namespace llm::corpus {

// Not thread-safe. Without commit() the staging directory and the folders made for it are removed,
// and the target is untouched.
class StagedDirectory {
 public:
  // Takes over what a killed process left behind. Throws: IoError; ConfigError when another process
  // is filling the same target.
  explicit StagedDirectory(const std::filesystem::path& target);
  ~StagedDirectory();
  StagedDirectory(const StagedDirectory&) = delete;
  StagedDirectory& operator=(const StagedDirectory&) = delete;

  const std::filesystem::path& path() const { return staging_; }
  // Replaces an existing target. Throws: IoError.
  void commit();

 private:
  void lock();

  std::filesystem::path target_;
  std::filesystem::path staging_;
  io::MadeFolders folders_;  // above the target
  int lock_ = -1;
};

}  // namespace llm::corpus
