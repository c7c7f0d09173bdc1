#include "llm/io/mapped_file.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "io/file_descriptor.h"
#include "llm/io/file.h"

namespace llm::io {
namespace {

void advise(std::span<const std::byte> bytes, int advice) {
  if (bytes.empty()) return;
  // Only a hint: the kernel may refuse it and the bytes are the same.
  (void)::madvise(const_cast<std::byte*>(bytes.data()), bytes.size(), advice);
}

}  // namespace

MappedFile::MappedFile(const std::filesystem::path& path) : path_(path) {
  const FileDescriptor file = open_for_reading(path);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) throw_os_error(path, "cannot be examined", errno);
  if (!S_ISREG(status.st_mode)) throw_os_error(path, "is not a regular file", EINVAL);
  size_ = static_cast<size_t>(status.st_size);
  if (size_ == 0) return;
  void* data = ::mmap(nullptr, size_, PROT_READ, MAP_SHARED, file.get(), 0);
  if (data == MAP_FAILED) throw_os_error(path, "cannot be mapped into memory", errno);
  data_ = static_cast<const std::byte*>(data);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

void MappedFile::advise_sequential() const { advise(bytes(), MADV_SEQUENTIAL); }
void MappedFile::advise_random() const { advise(bytes(), MADV_RANDOM); }

void MappedFile::release(size_t begin, size_t size) const {
  static const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  const size_t first = begin / page * page;
  const size_t last = std::min(begin + size, size_) / page * page;
  if (first < last) advise(bytes().subspan(first, last - first), MADV_DONTNEED);
}

}  // namespace llm::io
