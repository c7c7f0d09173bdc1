#include "llm/io/safetensors_parts.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "io/file_descriptor.h"
#include "io/file_operations.h"
#include "io/safetensors_header.h"
#include "llm/core/check.h"
#include "llm/io/file.h"

namespace llm::io {
namespace {

namespace fs = std::filesystem;

void write_or_throw(int fd, uint64_t offset, std::span<const std::byte> bytes,
                    const fs::path& path) {
  if (const int error = write_all_at(fd, offset, bytes, path))
    throw_os_error(path, "cannot be written", error);
}

int open_for_writing(const fs::path& path, int flags) {
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC, 0666);
  if (fd < 0) throw_os_error(path, "cannot be opened for writing", errno);
  return fd;
}

}  // namespace

void create_safetensors(const fs::path& path, std::vector<TensorEntry> entries,
                        const std::map<std::string, std::string>& metadata) {
  const std::string header = lay_out_safetensors(entries, metadata, path.string());
  const uint64_t data_bytes = entries.empty() ? 0 : entries.back().end;
  const FileDescriptor file(open_for_writing(path, O_WRONLY | O_CREAT | O_EXCL));
  write_or_throw(file.get(), 0, std::as_bytes(std::span(header)), path);
  if (::ftruncate(file.get(), static_cast<off_t>(header.size() + data_bytes)) != 0)
    throw_os_error(path, "cannot be made as long as it has to be", errno);
}

SafetensorsParts::SafetensorsParts(const fs::path& path)
    : file_(path),
      descriptor_(std::make_unique<FileDescriptor>(open_for_writing(path, O_WRONLY))) {}
SafetensorsParts::~SafetensorsParts() = default;

void SafetensorsParts::write(const std::string& name, uint64_t offset,
                             std::span<const std::byte> bytes) {
  const TensorEntry* entry = file_.find(name);
  LLM_CHECK(entry != nullptr && offset + bytes.size() <= entry->end - entry->begin,
            "{} bytes at {} of {}", bytes.size(), offset, name);
  write_or_throw(descriptor_->get(), file_.data_begin() + entry->begin + offset, bytes,
                 file_.path());
}

void SafetensorsParts::sync() {
  if (const int error = sync_file(descriptor_->get(), file_.path()))
    throw_os_error(file_.path(), "cannot be flushed to disk", error);
}

}  // namespace llm::io
