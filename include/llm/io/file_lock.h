// One process at a time: an exclusive advisory lock (flock) on a file that holds its owner's
// process id and host.
#pragma once

#include <filesystem>
#include <memory>

namespace llm::io {

// Held from construction to destruction, and released by the system when the process dies, however
// it dies. The file stays behind: removing it would let two processes lock two files of one name.
class FileLock {
 public:
  // Does not wait. Throws: ConfigError naming the owner's process id when it is taken (also by this
  // process); IoError when the file cannot be made, or its file system has no locks.
  explicit FileLock(const std::filesystem::path& path);
  ~FileLock();
  FileLock(FileLock&&) noexcept;
  FileLock& operator=(FileLock&&) noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace llm::io
