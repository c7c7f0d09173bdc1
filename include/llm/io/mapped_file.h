// A file mapped read-only into memory.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

namespace llm::io {

// Move-only. The bytes stay valid while the object lives; safe to read from many threads.
class MappedFile {
 public:
  // Throws: IoError (missing, no permission).
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  const std::filesystem::path& path() const { return path_; }
  // Tells the kernel how the bytes will be read.
  void advise_sequential() const;
  void advise_random() const;
  // Bytes [begin, begin + size) no longer count as this process's memory until they are read again;
  // whole pages only. For long scans, whose pages would otherwise pile up.
  void release(size_t begin, size_t size) const;

 private:
  std::filesystem::path path_;
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace llm::io
