// A run directory that this process trains in.
#pragma once

#include <filesystem>
#include <optional>

#include "llm/io/file_lock.h"
#include "llm/io/made_folders.h"
#include "train/run_reporter.h"

namespace llm::train {

// Held, by a lock and a lease, while a process trains in the directory; the log goes to its
// log.txt. One that it made and that came to hold nothing else, because the run was refused, is
// removed again.
class RunDirectory {
 public:
  // Makes it. Throws: ConfigError for a model's own directory and for one in use; IoError.
  RunDirectory(const std::filesystem::path& path, const LogSection& log, int64_t world_size);
  ~RunDirectory();
  RunDirectory(const RunDirectory&) = delete;
  RunDirectory& operator=(const RunDirectory&) = delete;

  RunReporter& reporter() { return *reporter_; }

 private:
  std::filesystem::path path_;
  io::MadeFolders folders_;
  io::FileLock lock_;
  std::optional<RunReporter> reporter_;
};

}  // namespace llm::train
