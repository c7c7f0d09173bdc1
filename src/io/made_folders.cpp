#include "llm/io/made_folders.h"

#include <system_error>

#include "llm/io/file.h"

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
    std::error_code error;
    if (fs::create_directory(*path, error)) made_.push_back(*path);
    if (!error) continue;
    remove();
    throw_os_error(folder, "cannot be made", error.value());
  }
}

void MadeFolders::remove() {
  std::error_code unused;
  for (; !made_.empty(); made_.pop_back()) fs::remove(made_.back(), unused);
}

}  // namespace llm::io
