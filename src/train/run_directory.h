// A run directory that this process trains in.
#pragma once

#include <filesystem>

#include "llm/io/file_lock.h"
#include "llm/io/made_folders.h"

namespace llm::train {

// Held while a process trains in the directory; the log goes to its log.txt. One that it made and
// that came to hold nothing else, because the run was refused, is removed again.
class RunDirectory {
 public:
  // Makes it. Throws: ConfigError for a model's own directory and for one in use; IoError.
  explicit RunDirectory(const std::filesystem::path& path);
  ~RunDirectory();
  RunDirectory(const RunDirectory&) = delete;
  RunDirectory& operator=(const RunDirectory&) = delete;

 private:
  std::filesystem::path path_;
  io::MadeFolders folders_;
  io::FileLock lock_;
};

}  // namespace llm::train
