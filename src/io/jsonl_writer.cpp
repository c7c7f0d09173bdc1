#include "llm/io/jsonl_writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <vector>

#include "io/file_descriptor.h"
#include "llm/core/check.h"
#include "llm/io/atomic_file.h"
#include "llm/io/file.h"

namespace llm::io {
namespace {

constexpr uint64_t kBackwardStep = 4096;

// The size of the file up to and with its last '\n'.
uint64_t finished_size(const FileDescriptor& file, const std::filesystem::path& path) {
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) throw_os_error(path, "cannot be examined", errno);
  std::vector<char> chunk(kBackwardStep);
  for (auto end = static_cast<uint64_t>(status.st_size); end > 0;) {
    const uint64_t begin = end - std::min(end, kBackwardStep);
    const ssize_t count = ::pread(file.get(), chunk.data(), end - begin, static_cast<off_t>(begin));
    if (count < 0) throw_os_error(path, "cannot be read", errno);
    const std::string_view text(chunk.data(), static_cast<size_t>(count));
    const size_t newline = text.rfind('\n');
    if (newline != std::string_view::npos) return begin + newline + 1;
    end = begin;
  }
  return 0;
}

}  // namespace

struct JsonlWriter::State {
  std::filesystem::path path;
  FileDescriptor file;
};

JsonlWriter::JsonlWriter(const std::filesystem::path& path) : state_(new State{path, {}}) {
  FileDescriptor& file = state_->file;
  file = FileDescriptor(::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666));
  if (file.get() < 0) throw_os_error(path, "cannot be opened", errno);
  if (::ftruncate(file.get(), static_cast<off_t>(finished_size(file, path))) != 0) {
    throw_os_error(path, "cannot be written", errno);
  }
}

JsonlWriter::~JsonlWriter() = default;

void JsonlWriter::write(const OrderedJson& value) { write_line(value.dump()); }

void JsonlWriter::write_line(std::string_view line) {
  LLM_CHECK(line.find('\n') == std::string_view::npos, "a line holds a line break");
  std::string bytes(line);
  bytes += '\n';
  write_fully(state_->file, bytes.data(), bytes.size(), state_->path);
}

uint64_t truncate_lines_after(const std::filesystem::path& path,
                              const std::function<bool(std::string_view line)>& is_after) {
  if (!std::filesystem::exists(path)) return 0;
  const std::string content = read_file(path);
  const std::string_view text = content;
  size_t kept = 0;
  for (size_t end; (end = text.find('\n', kept)) != std::string_view::npos; kept = end + 1) {
    if (is_after(text.substr(kept, end - kept))) break;
  }
  const std::string_view dropped = text.substr(kept);
  if (dropped.empty()) return 0;
  write_file_atomically(path, text.substr(0, kept));
  const bool is_last_unfinished = !dropped.ends_with('\n');
  return static_cast<uint64_t>(std::count(dropped.begin(), dropped.end(), '\n')) +
         (is_last_unfinished ? 1 : 0);
}

}  // namespace llm::io
