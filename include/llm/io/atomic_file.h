// Files that exist whole or not at all: written beside the target as "NAME.PID-N.partial", fsynced,
// renamed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace llm::io {

// Not thread-safe. Without commit() the temporary file is removed and the target is untouched.
class AtomicFile {
 public:
  // Throws: IoError when the folder is missing or not writable.
  explicit AtomicFile(std::filesystem::path target);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  // Throws: IoError (no space left, ...), naming the target and how much was written.
  void write(std::span<const std::byte> bytes);
  void write(std::string_view text);
  void write_at(uint64_t offset, std::span<const std::byte> bytes);  // patches what was written
  uint64_t size() const { return size_; }
  // Flushes, fsyncs file and folder, renames over the target.
  void commit();

 private:
  std::filesystem::path target_;
  std::filesystem::path temporary_;
  int fd_ = -1;
  uint64_t size_ = 0;
};

void write_file_atomically(const std::filesystem::path& target, std::string_view content);

}  // namespace llm::io
