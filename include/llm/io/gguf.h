// GGUF, the container of llama.cpp (ggml-org/ggml, docs/gguf.md), versions 2 and 3, little endian:
//
//   magic "GGUF"; u32 version; u64 number of tensors; u64 number of metadata entries;
//   entries:  string key; u32 type; value
//   tensors:  string name; u32 number of dimensions; u64 dimensions[]; u32 GGML type; u64 offset
//   zero bytes up to a multiple of general.alignment (u32, default 32); data
//
// A string is u64 length and bytes; an array u32 element type, u64 count, elements. Offsets count
// from the start of the data and are multiples of the alignment. Dimensions lie in the file with
// the contiguous one first; here shapes are row-major, the contiguous dimension last, as in
// safetensors. Bytes only: no tensors here, and no meaning of keys but general.alignment.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "llm/io/mapped_file.h"
#include "llm/io/quant.h"

namespace llm::io {

// The values are those of the file format.
enum class GgufType : uint32_t {
  kU8 = 0,
  kI8 = 1,
  kU16 = 2,
  kI16 = 3,
  kU32 = 4,
  kI32 = 5,
  kF32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
  kU64 = 10,
  kI64 = 11,
  kF64 = 12
};
const char* gguf_type_name(GgufType type);  // "u32", "string", ...

// One metadata value: a view into the mapped file, valid while the GgufFile lives (moving it is
// fine). Cheap to copy. Every getter throws FormatError naming file and key when the value is of
// another type or out of range.
class GgufValue {
 public:
  GgufType type() const { return type_; }
  bool as_bool() const;
  int64_t as_int() const;    // of any integer type that holds it
  uint64_t as_uint() const;  // of any integer type; not negative
  double as_float() const;   // f32 or f64
  std::string_view as_string() const;

  // Arrays. The vectors hold one entry for each element; strings stay views into the file.
  GgufType element_type() const;
  uint64_t size() const;
  std::vector<std::string_view> as_strings() const;
  std::vector<int64_t> as_ints() const;  // elements of any integer type
  std::vector<float> as_floats() const;  // f32 elements
  std::vector<bool> as_bools() const;
  std::vector<GgufValue> as_array() const;  // of any type, nested ones too

  // As the file has it, without the type: what follows the u32 of the entry.
  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  friend class GgufParser;
  std::string where() const;
  [[noreturn]] void refuse(const std::string& expected) const;
  void require_array_of(GgufType element) const;

  GgufType type_ = GgufType::kU8;
  std::span<const std::byte> bytes_;
  std::string_view key_;
  const std::string* file_ = nullptr;
};

struct GgufEntry {
  std::string_view key;
  GgufValue value;
};

struct GgufTensor {
  std::string name;
  GgmlType type = GgmlType::kF32;
  std::vector<int64_t> shape;  // row-major: {rows, columns}; none for a scalar
  uint64_t begin = 0;          // relative to the data section
  uint64_t end = 0;
  uint16_t shard = 0;  // of a split model, from 0

  int64_t num_values() const;
};

// A mapped file with a checked header. Immutable, safe to read from many threads.
class GgufFile {
 public:
  // Throws: IoError; FormatError naming the file, and key, tensor or byte position, when the file
  // is of another version or big endian, is cut short, states a length or count that it cannot
  // hold, names a key or tensor twice, nests arrays deeper than 8, or has a tensor whose type is
  // unknown, whose row is no whole number of blocks, or whose data lie outside, unaligned or on
  // another's.
  explicit GgufFile(const std::filesystem::path& path);

  uint32_t version() const { return version_; }
  uint64_t alignment() const { return alignment_; }
  const std::vector<GgufEntry>& entries() const { return entries_; }  // in file order
  const GgufValue* find(std::string_view key) const;                  // nullptr when absent
  // Throws: FormatError when absent.
  const GgufValue& get(std::string_view key) const;

  const std::vector<GgufTensor>& tensors() const { return tensors_; }  // in file order
  const GgufTensor* find_tensor(std::string_view name) const;          // nullptr when absent
  std::span<const std::byte> bytes(const GgufTensor& tensor) const;
  // The mapping's offset of the data section: for MappedFile::release.
  uint64_t data_start() const { return data_start_; }
  const MappedFile& file() const { return file_; }
  const std::filesystem::path& path() const { return file_.path(); }

 private:
  friend class GgufParser;
  MappedFile file_;
  std::unique_ptr<const std::string> name_;  // values point to it
  uint32_t version_ = 0;
  uint64_t alignment_ = 32;
  uint64_t data_start_ = 0;
  std::vector<GgufEntry> entries_;
  std::unordered_map<std::string_view, size_t> entry_index_;
  std::vector<GgufTensor> tensors_;
  std::unordered_map<std::string, size_t> tensor_index_;
};

// Product of the dimensions. Throws: FormatError naming `where` when it is 2^63 or more.
int64_t count_values(std::span<const int64_t> shape, const std::string& where);

}  // namespace llm::io
