#include "llm/io/file_operations.h"

#include <sys/stat.h>

#include <cerrno>
#include <system_error>
#include <vector>

#include "io/system_calls.h"
#include "llm/io/file.h"

namespace llm::io {
namespace {

namespace fs = std::filesystem;

// Some file systems cannot exchange two names at once, and some kernels do not know the call.
bool is_unknown_operation(int error) {
  return error == EINVAL || error == ENOSYS || error == ENOTSUP;
}

// With a moment without anything at `to`.
int exchange_in_steps(const fs::path& from, const fs::path& to) {
  fs::path old = to;
  old += ".old.partial";
  try_remove_tree(old);
  if (const int error = rename_entry(to, old)) return error;
  if (const int error = rename_entry(from, to)) {
    rename_entry(old, to);
    return error;
  }
  if (const int error = rename_entry(old, from)) {
    rename_entry(to, from);
    rename_entry(old, to);
    return error;
  }
  return 0;
}

// The first error; goes on after one.
int remove_entries(const fs::path& directory);

int remove_any(const fs::path& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return errno == ENOENT ? 0 : errno;
  if (!S_ISDIR(status.st_mode)) return remove_file(path);
  const int error = remove_entries(path);
  return error != 0 ? error : remove_directory(path);
}

int remove_entries(const fs::path& directory) {
  std::error_code error;
  std::vector<fs::path> entries;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error))
    entries.push_back(entry->path());
  int first = error.value();
  for (const fs::path& entry : entries) {
    const int failed = remove_any(entry);
    if (first == 0) first = failed;
  }
  return first;
}

}  // namespace

fs::path folder_of(const fs::path& path) {
  return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

void make_directories(const fs::path& directory) {
  std::error_code unused;
  if (directory.empty() || fs::is_directory(directory, unused)) return;
  const fs::path path = directory.has_filename() ? directory : directory.parent_path();
  make_directories(path.parent_path());
  const int error = make_directory(path);
  if (error == EEXIST && fs::is_directory(path, unused)) return;
  if (error != 0) throw_os_error(path, "cannot be made", error);
  sync_directory(folder_of(path));
}

void rename_path(const fs::path& from, const fs::path& to) {
  if (const int error = rename_entry(from, to))
    throw_os_error(from, "cannot be renamed to " + to.string(), error);
}

void put_in_place(const fs::path& from, const fs::path& to) {
  struct stat status {};
  const bool is_there = ::lstat(to.c_str(), &status) == 0;
  int error = is_there ? exchange_entries(from, to) : rename_entry(from, to);
  if (is_there && is_unknown_operation(error)) error = exchange_in_steps(from, to);
  if (error != 0) throw_os_error(to, "cannot be put in place", error);
}

void remove_tree(const fs::path& path) {
  if (const int error = remove_any(path)) throw_os_error(path, "cannot be removed", error);
}

void try_remove_tree(const fs::path& path) noexcept {
  try {
    remove_any(path);
  } catch (...) {
  }
}

void sync_directory(const fs::path& directory) {
  const int error = flush_directory(directory);
  // Some network and FUSE file systems know no fsync of folders: there is nothing to wait for.
  if (error != 0 && !is_unknown_operation(error))
    throw_os_error(directory, "cannot be flushed to disk", error);
}

}  // namespace llm::io
