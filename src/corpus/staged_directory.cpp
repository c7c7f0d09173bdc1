#include "corpus/staged_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <system_error>

#include "llm/core/error.h"
#include "llm/io/atomic_file.h"
#include "llm/io/file.h"

namespace llm::corpus {
namespace {

namespace fs = std::filesystem;

fs::path without_trailing_slash(fs::path path) {
  return path.has_filename() ? path : path.parent_path();
}

fs::path folder_of(const fs::path& path) {
  return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

fs::path with_suffix(fs::path path, const char* suffix) {
  path += suffix;
  return path;
}

void make_directory(const fs::path& path) {
  std::error_code error;
  fs::create_directory(path, error);
  if (error) io::throw_os_error(path, "cannot be created", error.value());
}

// Puts `from` in the place of `to`. An existing directory at `to` is then at `from`, where the file
// system can exchange two names at once, or else beside `to` for the moment between two renames.
void put_in_place(const fs::path& from, const fs::path& to) {
  if (fs::exists(to) &&
      ::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_EXCHANGE) == 0) {
    return;
  }
  const fs::path old = with_suffix(to, ".old");
  std::error_code error;
  if (fs::exists(to)) fs::rename(to, old, error);
  if (!error) fs::rename(from, to, error);
  if (!error) fs::remove_all(old, error);
  if (error) io::throw_os_error(to, "cannot be put in place", error.value());
}

void clear(const fs::path& directory) {
  for (const fs::directory_entry& entry : fs::directory_iterator(directory)) {
    fs::remove_all(entry.path());
  }
}

}  // namespace

StagedDirectory::StagedDirectory(const fs::path& target)
    : target_(without_trailing_slash(target)),
      staging_(with_suffix(target_, ".partial")),
      folders_(folder_of(target_)) {
  make_directory(staging_);
  lock();
  clear(staging_);
}

// The lock lies on the directory itself, and goes when the process does.
void StagedDirectory::lock() {
  lock_ = ::open(staging_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (lock_ < 0) io::throw_os_error(staging_, "cannot be opened", errno);
  if (::flock(lock_, LOCK_EX | LOCK_NB) == 0) return;
  const int error = errno;
  ::close(lock_);
  lock_ = -1;
  if (error != EWOULDBLOCK) io::throw_os_error(staging_, "cannot be locked", error);
  throw core::ConfigError({.where = target_.string(),
                           .expected = "a directory nobody is writing",
                           .got = "one that another process is filling",
                           .hint = "Wait for it, or choose another place"});
}

StagedDirectory::~StagedDirectory() {
  if (lock_ < 0) return;
  std::error_code unused;
  fs::remove_all(staging_, unused);
  ::close(lock_);
}

void StagedDirectory::commit() {
  io::sync_directory(staging_);
  put_in_place(staging_, target_);
  io::sync_directory(folder_of(target_));
  std::error_code unused;
  fs::remove_all(staging_, unused);  // what was at the target before
  ::close(lock_);
  lock_ = -1;
  folders_.keep();
}

}  // namespace llm::corpus
