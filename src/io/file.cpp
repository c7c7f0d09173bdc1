#include "llm/io/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "io/file_descriptor.h"

namespace llm::io {
namespace {

const char* os_hint(int error_number) {
  switch (error_number) {
    case ENOENT:
      return "Check the path";
    case EACCES:
    case EPERM:
      return "Check the permissions of the file and of its folder";
    case EROFS:
      return "Choose a place that can be written to";
    case ENOSPC:
    case EDQUOT:
      return "Free some space there, then run the command again";
    case EISDIR:
      return "Name a file, not a folder";
    case EMFILE:
      return "Raise the limit of open files with ulimit -n";
    default:
      return "";
  }
}

}  // namespace

std::string shown_path(const std::filesystem::path& path) {
  return path == kStandardInput ? "standard input" : path.string();
}

core::FormatError empty_file(const std::filesystem::path& path, const std::string& expected) {
  return core::FormatError({.where = shown_path(path),
                            .expected = expected,
                            .got = "an empty file",
                            .hint = "A copy or a download may have failed; fetch it again"});
}

void throw_os_error(const std::filesystem::path& path, const std::string& problem,
                    int error_number) {
  throw core::IoError({.where = shown_path(path),
                       .expected = "",
                       .got = problem + ": " + std::strerror(error_number),
                       .hint = os_hint(error_number)},
                      error_number);
}

FileDescriptor::~FileDescriptor() {
  if (fd_ >= 0) ::close(fd_);
}

FileDescriptor open_for_reading(const std::filesystem::path& path) {
  FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) throw_os_error(path, "cannot be opened", errno);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) throw_os_error(path, "cannot be examined", errno);
  if (S_ISDIR(status.st_mode)) throw_os_error(path, "cannot be read", EISDIR);
  return file;
}

size_t read_fully(const FileDescriptor& file, char* out, size_t capacity,
                  const std::filesystem::path& path) {
  size_t filled = 0;
  while (filled < capacity) {
    const ssize_t count = ::read(file.get(), out + filled, capacity - filled);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw_os_error(path, "cannot be read", errno);
    if (count == 0) break;
    filled += static_cast<size_t>(count);
  }
  return filled;
}

void write_fully(const FileDescriptor& file, const char* bytes, size_t size,
                 const std::filesystem::path& path) {
  while (size > 0) {
    const ssize_t count = ::write(file.get(), bytes, size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw_os_error(path, "cannot be written", errno);
    bytes += count;
    size -= static_cast<size_t>(count);
  }
}

std::string read_file(const std::filesystem::path& path) {
  const FileDescriptor file = open_for_reading(path);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) throw_os_error(path, "cannot be examined", errno);
  // One byte more than expected, so that the end of the file shows in the first read.
  std::string content(static_cast<size_t>(status.st_size) + 1, '\0');
  size_t filled = 0;
  while (true) {
    filled += read_fully(file, content.data() + filled, content.size() - filled, path);
    if (filled < content.size()) break;
    content.resize(content.size() * 2);
  }
  content.resize(filled);
  return content;
}

}  // namespace llm::io
