#include "llm/io/safetensors_parts.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "io/file_descriptor.h"
#include "io/safetensors_header.h"
#include "io/system_calls.h"
#include "llm/core/check.h"
#include "llm/io/file.h"
#include "llm/io/file_operations.h"

namespace llm::io {
namespace {

namespace fs = std::filesystem;

void write_or_throw(int fd, uint64_t offset, std::span<const std::byte> bytes,
                    const fs::path& path) {
  if (const int error = write_all_at(fd, offset, bytes, path))
    throw_os_error(path, "cannot be written", error);
}

int open_for_writing(const fs::path& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) throw_os_error(path, "cannot be opened for writing", errno);
  return fd;
}

// An open one.
FileDescriptor make_file(const fs::path& path) {
  int fd = -1;
  if (const int error = create_file(path, fd)) throw_os_error(path, "cannot be created", error);
  return FileDescriptor(fd);
}

void sync_or_throw(const FileDescriptor& file, const fs::path& path) {
  if (const int error = sync_file(file.get(), path))
    throw_os_error(path, "cannot be flushed to disk", error);
}

}  // namespace

void create_safetensors(const fs::path& path, std::vector<TensorEntry> entries,
                        const std::map<std::string, std::string>& metadata) {
  const std::string header = lay_out_safetensors(entries, metadata, path.string());
  const uint64_t data_bytes = entries.empty() ? 0 : entries.back().end;
  const FileDescriptor file = make_file(path);
  write_or_throw(file.get(), 0, std::as_bytes(std::span(header)), path);
  if (const int error = resize_file(file.get(), header.size() + data_bytes, path))
    throw_os_error(path, "cannot be made as long as it has to be", error);
  sync_or_throw(file, path);
  sync_directory(folder_of(path));
}

SafetensorsParts::SafetensorsParts(const fs::path& path)
    : file_(path), descriptor_(std::make_unique<FileDescriptor>(open_for_writing(path))) {}
SafetensorsParts::~SafetensorsParts() = default;

bool SafetensorsParts::has(const std::string& name) const { return file_.find(name) != nullptr; }

void SafetensorsParts::write(const std::string& name, uint64_t offset,
                             std::span<const std::byte> bytes) {
  const TensorEntry* entry = file_.find(name);
  LLM_CHECK(entry != nullptr && offset + bytes.size() <= entry->end - entry->begin,
            "{} bytes at {} of {}", bytes.size(), offset, name);
  write_or_throw(descriptor_->get(), file_.data_begin() + entry->begin + offset, bytes,
                 file_.path());
}

void SafetensorsParts::sync() { sync_or_throw(*descriptor_, file_.path()); }

}  // namespace llm::io
