// safetensors (huggingface/safetensors, format description in its README): u64 LE header length N,
// N bytes JSON {name: {"dtype", "shape", "data_offsets": [begin, end]}, "__metadata__": {...}},
// then the data. Bytes only: no tensors here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "llm/io/atomic_file.h"
#include "llm/io/mapped_file.h"

namespace llm::io {

enum class TensorDtype {
  kF64,
  kF32,
  kF16,
  kBF16,
  kF8E4M3,
  kF8E5M2,
  kI64,
  kI32,
  kI16,
  kI8,
  kU8,
  kBool
};
const char* dtype_name(TensorDtype dtype);  // "F32", the format's spelling
int64_t dtype_size(TensorDtype dtype);      // bytes per element

struct TensorEntry {
  std::string name;
  TensorDtype dtype = TensorDtype::kF32;
  std::vector<int64_t> shape;
  uint64_t begin = 0;  // relative to the data section
  uint64_t end = 0;
};

// A mapped file with a checked header. Immutable, safe to read from many threads.
class SafetensorsFile {
 public:
  // Throws: IoError; FormatError when the header is cut, no JSON, names a tensor twice, or when
  // offsets overlap, leave a hole, disagree with shape x dtype or with the file's size.
  explicit SafetensorsFile(const std::filesystem::path& path);

  const std::vector<TensorEntry>& entries() const { return entries_; }  // in data order
  const TensorEntry* find(const std::string& name) const;               // nullptr when absent
  std::span<const std::byte> bytes(const TensorEntry& entry) const;
  // What was read of it no longer counts as this process's memory.
  void release(const TensorEntry& entry) const;
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  uint64_t data_begin() const { return data_start_; }  // where the data section lies in the file
  const std::filesystem::path& path() const { return file_.path(); }

 private:
  MappedFile file_;
  std::vector<TensorEntry> entries_;
  std::map<std::string, size_t> index_;
  std::map<std::string, std::string> metadata_;
  uint64_t data_start_ = 0;
};

// Writes one file front to back, never holding more than one tensor: declare all tensors, then
// write their bytes in that order.
class SafetensorsWriter {
 public:
  // `entries` need name, dtype and shape; offsets are computed. Metadata gets "format": "pt" unless
  // it is set. Throws: IoError.
  SafetensorsWriter(const std::filesystem::path& path, std::vector<TensorEntry> entries,
                    std::map<std::string, std::string> metadata = {});
  // Requires: called once per entry, in order, with exactly the entry's bytes.
  void write_next(std::span<const std::byte> bytes);
  // Requires: every entry was written.
  void commit();

 private:
  AtomicFile file_;
  std::vector<TensorEntry> entries_;
  size_t next_ = 0;
};

}  // namespace llm::io
