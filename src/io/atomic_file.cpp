#include "llm/io/atomic_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

#include "io/file_descriptor.h"
#include "io/file_operations.h"
#include "llm/core/check.h"
#include "llm/io/file.h"

namespace llm::io {
namespace {

namespace fs = std::filesystem;

FaultHook& fault_hook() {
  static FaultHook hook;
  return hook;
}

fs::path folder_of(const fs::path& target) {
  return target.has_parent_path() ? target.parent_path() : fs::path(".");
}

fs::path temporary_name(const fs::path& target) {
  static std::atomic<uint64_t> count{0};
  return folder_of(target) /
         fmt::format("{}.{}-{}.partial", target.filename().string(), ::getpid(), count++);
}

}  // namespace

int injected_fault(std::string_view operation, const fs::path& path) {
  return fault_hook() ? fault_hook()(operation, path) : 0;
}

int write_all_at(int fd, uint64_t& offset, std::span<const std::byte>& bytes,
                 const fs::path& path) {
  if (const int fault = injected_fault("write", path)) return fault;
  while (!bytes.empty()) {
    const ssize_t count = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno;
    offset += static_cast<uint64_t>(count);
    bytes = bytes.subspan(static_cast<size_t>(count));
  }
  return 0;
}

int sync_file(int fd, const fs::path& path) {
  if (const int fault = injected_fault("fsync", path)) return fault;
  return ::fsync(fd) == 0 ? 0 : errno;
}

AtomicFile::AtomicFile(fs::path target)
    : target_(std::move(target)), temporary_(temporary_name(target_)) {
  fd_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (fd_ < 0) throw_os_error(target_, "cannot be created", errno);
}

AtomicFile::~AtomicFile() {
  if (fd_ >= 0) ::close(fd_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::write(std::span<const std::byte> bytes) { write_at(size_, bytes); }

void AtomicFile::write(std::string_view text) { write(std::as_bytes(std::span(text))); }

void AtomicFile::write_at(uint64_t offset, std::span<const std::byte> bytes) {
  LLM_CHECK(fd_ >= 0, "{} was committed", target_.string());
  LLM_CHECK(offset <= size_, "a write at {} leaves a hole after {}", offset, size_);
  const uint64_t begin = offset;
  const int error = write_all_at(fd_, offset, bytes, target_);
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
  int error = sync_file(fd_, target_);
  if (::close(std::exchange(fd_, -1)) != 0 && error == 0) error = errno;
  if (error != 0) throw_os_error(target_, "cannot be flushed to disk", error);
  error = injected_fault("rename", target_);
  if (error == 0 && ::rename(temporary_.c_str(), target_.c_str()) != 0) error = errno;
  if (error != 0) throw_os_error(target_, "cannot be put in place", error);
  temporary_.clear();
  sync_directory(folder_of(target_));
}

void write_file_atomically(const fs::path& target, std::string_view content) {
  AtomicFile file(target);
  file.write(content);
  file.commit();
}

void sync_directory(const fs::path& directory) {
  const FileDescriptor folder(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() < 0) throw_os_error(directory, "cannot be opened", errno);
  const int error = sync_file(folder.get(), directory);
  // Some network and FUSE file systems know no fsync of folders: there is nothing to wait for.
  const bool is_unsupported = error == EINVAL || error == ENOTSUP || error == ENOSYS;
  if (error != 0 && !is_unsupported) throw_os_error(directory, "cannot be flushed to disk", error);
}

void set_fault_hook(FaultHook hook) { fault_hook() = std::move(hook); }

}  // namespace llm::io
