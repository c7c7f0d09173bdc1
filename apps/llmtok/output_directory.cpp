#include "llmtok/output_directory.h"

#include <unistd.h>

#include <cerrno>

#include "llm/core/error.h"
#include "llm/io/file.h"

namespace llm::apps {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void refuse(const char* expected, const std::string& got, const char* hint) {
  throw core::ConfigError({.where = "--out", .expected = expected, .got = got, .hint = hint});
}

void check_output(const fs::path& path, bool force) {
  if (path.empty()) refuse("a directory to write", "nothing", "Name one: --out tok");
  if (fs::exists(path) && !fs::is_directory(path)) {
    refuse("a directory to write", path.string() + ", a file", "Choose another name");
  }
  const bool holds_tokenizer = fs::exists(path / "tokenizer.json");
  if (fs::exists(path) && !fs::is_empty(path) && !holds_tokenizer) {
    refuse("a new or empty directory, or one with a tokenizer to replace",
           path.string() + ", which holds other files", "Choose another one");
  }
  if (force || !holds_tokenizer) return;
  refuse("a directory without a tokenizer", path.string() + ", which holds a tokenizer.json",
         "Choose another one, or replace it with --force");
}

fs::path checked(const fs::path& path, bool force) {
  check_output(path, force);
  return path;
}

}  // namespace

OutputDirectory::OutputDirectory(const std::string& out, bool force)
    : path_(checked(out, force)), is_new_(!fs::exists(path_)), folders_(path_) {
  if (::access(path_.c_str(), W_OK | X_OK) != 0)
    io::throw_os_error(path_, "cannot be written", errno);
}

OutputDirectory::~OutputDirectory() {
  std::error_code unused;
  if (is_new_) fs::remove_all(path_, unused);
}

void OutputDirectory::keep() {
  is_new_ = false;
  folders_.keep();
}

}  // namespace llm::apps
