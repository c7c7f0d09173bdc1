#include "io/system_calls.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "io/file_descriptor.h"

namespace llm::io {
namespace {

namespace fs = std::filesystem;

int errno_of(int result) { return result == 0 ? 0 : errno; }

}  // namespace

int create_file(const fs::path& path, int& fd) {
  if (const int fault = injected_fault({.action = FileAction::kCreate, .path = path})) return fault;
  fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  return fd >= 0 ? 0 : errno;
}

int write_all_at(int fd, uint64_t& offset, std::span<const std::byte>& bytes,
                 const fs::path& path) {
  if (const int fault = injected_fault(
          {.action = FileAction::kWrite, .path = path, .offset = offset, .bytes = bytes}))
    return fault;
  while (!bytes.empty()) {
    const ssize_t count = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno;
    offset += static_cast<uint64_t>(count);
    bytes = bytes.subspan(static_cast<size_t>(count));
  }
  return 0;
}

int resize_file(int fd, uint64_t size, const fs::path& path) {
  const int fault = injected_fault({.action = FileAction::kResize, .path = path, .offset = size});
  return fault != 0 ? fault : errno_of(::ftruncate(fd, static_cast<off_t>(size)));
}

int sync_file(int fd, const fs::path& path) {
  const int fault = injected_fault({.action = FileAction::kSync, .path = path});
  return fault != 0 ? fault : errno_of(::fsync(fd));
}

int rename_entry(const fs::path& from, const fs::path& to) {
  const int fault = injected_fault({.action = FileAction::kRename, .path = from, .target = to});
  return fault != 0 ? fault : errno_of(::rename(from.c_str(), to.c_str()));
}

int exchange_entries(const fs::path& from, const fs::path& to) {
  const int fault = injected_fault({.action = FileAction::kExchange, .path = from, .target = to});
  if (fault != 0) return fault;
  return errno_of(::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_EXCHANGE));
}

int remove_file(const fs::path& path) {
  const int fault = injected_fault({.action = FileAction::kRemove, .path = path});
  return fault != 0 ? fault : errno_of(::unlink(path.c_str()));
}

int remove_directory(const fs::path& path) {
  const int fault = injected_fault({.action = FileAction::kRemoveDirectory, .path = path});
  return fault != 0 ? fault : errno_of(::rmdir(path.c_str()));
}

int make_directory(const fs::path& path) {
  const int fault = injected_fault({.action = FileAction::kMakeDirectory, .path = path});
  return fault != 0 ? fault : errno_of(::mkdir(path.c_str(), 0777));
}

int flush_directory(const fs::path& path) {
  if (const int fault = injected_fault({.action = FileAction::kSyncDirectory, .path = path}))
    return fault;
  const FileDescriptor folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return folder.get() < 0 ? errno : errno_of(::fsync(folder.get()));
}

}  // namespace llm::io
