#include "llm/io/made_folders.h"

#include <cerrno>
#include <system_error>

#include "io/system_calls.h"
#include "llm/io/file.h"
#include "llm/io/file_operations.h"

namespace llm::io {

namespace fs = std::filesystem;

MadeFolders::MadeFolders(const fs::path& folder) {
  std::vector<fs::path> missing;  // deepest first
  std::error_code unused;
  fs::path at = fs::absolute(folder).lexically_normal();
  if (!at.has_filename()) at = at.parent_path();
  for (; !fs::exists(at, unused) && at.has_relative_path(); at = at.parent_path())
    missing.push_back(at);
  for (auto path = missing.rbegin(); path != missing.rend(); ++path) {
    int error = make_directory(*path);
    if (error == 0) made_.push_back(*path);
    if (error == 0) error = flush_directory(folder_of(*path));
    if (error == 0 || (error == EEXIST && fs::is_directory(*path, unused))) continue;
    remove();
    throw_os_error(folder, "cannot be made", error);
  }
}

void MadeFolders::remove() {
  std::error_code unused;
  for (; !made_.empty(); made_.pop_back()) {
    if (fs::is_empty(made_.back(), unused)) remove_directory(made_.back());
  }
}

}  // namespace llm::io
