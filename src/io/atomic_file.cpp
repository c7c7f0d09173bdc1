#include "llm/io/atomic_file.h"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

#include "io/system_calls.h"
#include "llm/core/check.h"
#include "llm/io/file.h"
#include "llm/io/file_operations.h"

namespace llm::io {
namespace {

namespace fs = std::filesystem;

fs::path temporary_name(const fs::path& target) {
  static std::atomic<uint64_t> count{0};
  return folder_of(target) /
         fmt::format("{}.{}-{}.partial", target.filename().string(), ::getpid(), count++);
}

}  // namespace

AtomicFile::AtomicFile(fs::path target)
    : target_(std::move(target)), temporary_(temporary_name(target_)) {
  if (const int error = create_file(temporary_, fd_))
    throw_os_error(target_, "cannot be created", error);
}

AtomicFile::~AtomicFile() {
  if (fd_ >= 0) ::close(fd_);
  if (!temporary_.empty()) try_remove_tree(temporary_);
}

void AtomicFile::write(std::span<const std::byte> bytes) { write_at(size_, bytes); }

void AtomicFile::write(std::string_view text) { write(std::as_bytes(std::span(text))); }

void AtomicFile::write_at(uint64_t offset, std::span<const std::byte> bytes) {
  LLM_CHECK(fd_ >= 0, "{} was committed", target_.string());
  LLM_CHECK(offset <= size_, "a write at {} leaves a hole after {}", offset, size_);
  const uint64_t begin = offset;
  const int error = write_all_at(fd_, offset, bytes, temporary_);
  size_ = std::max(size_, offset);
  if (error != 0) {
    throw_os_error(target_,
                   fmt::format("cannot be written ({} bytes at offset {} after {} bytes)",
                               offset - begin + bytes.size(), begin, size_),
                   error);
  }
}

void AtomicFile::commit() {
  LLM_CHECK(fd_ >= 0, "{} was committed", target_.string());
  int error = sync_file(fd_, temporary_);
  if (::close(std::exchange(fd_, -1)) != 0 && error == 0) error = errno;
  if (error != 0) throw_os_error(target_, "cannot be flushed to disk", error);
  error = rename_entry(temporary_, target_);
  if (error != 0) throw_os_error(target_, "cannot be put in place", error);
  temporary_.clear();
  sync_directory(folder_of(target_));
}

void write_file_atomically(const fs::path& target, std::string_view content) {
  AtomicFile file(target);
  file.write(content);
  file.commit();
}

}  // namespace llm::io
