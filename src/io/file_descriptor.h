// An owned file descriptor.
#pragma once

#include <cstddef>
#include <filesystem>
#include <utility>

namespace llm::io {

// Move-only. Not thread-safe.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor();
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }

  int get() const { return fd_; }

 private:
  int fd_ = -1;
};

// A regular file (or a pipe) open for reading. Throws: IoError, also for a folder.
FileDescriptor open_for_reading(const std::filesystem::path& path);

// Reads until `capacity` bytes are there or the file ends. Throws: IoError.
size_t read_fully(const FileDescriptor& file, char* out, size_t capacity,
                  const std::filesystem::path& path);

// Writes all bytes, in several calls where one does not take them all. Throws: IoError.
void write_fully(const FileDescriptor& file, const char* bytes, size_t size,
                 const std::filesystem::path& path);

}  // namespace llm::io
