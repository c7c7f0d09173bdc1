#include "llm/io/file_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>

#include "io/file_descriptor.h"
#include "llm/core/error.h"
#include "llm/io/file.h"

namespace llm::io {
namespace {

std::string this_process() {
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) host[0] = '\0';
  return fmt::format("process {} on {}\n", ::getpid(), host.data());
}

// What the owner wrote; it may not have come to that yet.
std::string owner_of(const FileDescriptor& file) {
  std::array<char, 512> text{};
  const ssize_t count = ::pread(file.get(), text.data(), text.size(), 0);
  std::string owner(text.data(), count > 0 ? static_cast<size_t>(count) : 0);
  owner.resize(std::min(owner.find('\n'), owner.size()));
  return owner.empty() ? "another process" : owner;
}

}  // namespace

struct FileLock::State {
  FileDescriptor file;
};

FileLock::FileLock(const std::filesystem::path& path) : state_(std::make_unique<State>()) {
  FileDescriptor& file = state_->file;
  file = FileDescriptor(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666));
  if (file.get() < 0) throw_os_error(path, "cannot be created", errno);
  if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) throw_os_error(path, "cannot be locked", errno);
    throw core::ConfigError(
        {.where = path.string(),
         .expected = "a directory that no other process uses",
         .got = owner_of(file) + " using it",
         .hint = "Wait for that process, stop it, or choose another directory"});
  }
  if (::ftruncate(file.get(), 0) != 0) throw_os_error(path, "cannot be written", errno);
  const std::string owner = this_process();
  write_fully(file, owner.data(), owner.size(), path);
}

FileLock::~FileLock() = default;
FileLock::FileLock(FileLock&&) noexcept = default;
FileLock& FileLock::operator=(FileLock&&) noexcept = default;

}  // namespace llm::io
