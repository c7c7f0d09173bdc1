#include "corpus/staged_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

#include "llm/core/error.h"
#include "llm/io/file.h"
#include "llm/io/file_operations.h"

namespace llm::corpus {
namespace {

namespace fs = std::filesystem;

fs::path without_trailing_slash(fs::path path) {
  return path.has_filename() ? path : path.parent_path();
}

fs::path with_suffix(fs::path path, const char* suffix) {
  path += suffix;
  return path;
}

void clear(const fs::path& directory) {
  for (const fs::directory_entry& entry : fs::directory_iterator(directory)) {
    io::remove_tree(entry.path());
  }
}

}  // namespace

StagedDirectory::StagedDirectory(const fs::path& target)
    : target_(without_trailing_slash(target)),
      staging_(with_suffix(target_, ".partial")),
      folders_(io::folder_of(target_)) {
  io::make_directories(staging_);
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
  io::try_remove_tree(staging_);
  ::close(lock_);
}

void StagedDirectory::commit() {
  io::sync_directory(staging_);
  io::put_in_place(staging_, target_);
  io::sync_directory(io::folder_of(target_));
  io::try_remove_tree(staging_);  // what was at the target before
  ::close(lock_);
  lock_ = -1;
  folders_.keep();
}

}  // namespace llm::corpus
