// Writes GGUF version 3, little endian (gguf.h gives the layout). Equal input gives equal bytes,
// and those of the Python package gguf.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_set>
#include <vector>

#include "llm/io/atomic_file.h"
#include "llm/io/gguf.h"

namespace llm::io {

namespace gguf_encoding {

template <class T>
struct TypeOf {};
template <GgufType kType>
struct Is {
  static constexpr GgufType value = kType;
};
template <>
struct TypeOf<uint8_t> : Is<GgufType::kU8> {};
template <>
struct TypeOf<int8_t> : Is<GgufType::kI8> {};
template <>
struct TypeOf<uint16_t> : Is<GgufType::kU16> {};
template <>
struct TypeOf<int16_t> : Is<GgufType::kI16> {};
template <>
struct TypeOf<uint32_t> : Is<GgufType::kU32> {};
template <>
struct TypeOf<int32_t> : Is<GgufType::kI32> {};
template <>
struct TypeOf<float> : Is<GgufType::kF32> {};
template <>
struct TypeOf<bool> : Is<GgufType::kBool> {};
template <>
struct TypeOf<std::string> : Is<GgufType::kString> {};
template <>
struct TypeOf<std::string_view> : Is<GgufType::kString> {};
template <>
struct TypeOf<uint64_t> : Is<GgufType::kU64> {};
template <>
struct TypeOf<int64_t> : Is<GgufType::kI64> {};
template <>
struct TypeOf<double> : Is<GgufType::kF64> {};
template <class T>
struct TypeOf<std::vector<T>> : Is<GgufType::kArray> {};

template <class T>
void append_number(std::string& out, T value) {
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  out.append(bytes, sizeof value);
}

inline void append(std::string& out, std::string_view value) {
  append_number<uint64_t>(out, value.size());
  out += value;
}
template <class T>
requires std::is_arithmetic_v<T>
void append(std::string& out, T value) { append_number(out, value); }
template <class T>
void append(std::string& out, const std::vector<T>& values) {
  append_number(out, static_cast<uint32_t>(TypeOf<T>::value));
  append_number<uint64_t>(out, values.size());
  for (const auto& value : values) append(out, static_cast<const T&>(value));
}

}  // namespace gguf_encoding

// Metadata entries in the order they are set.
class GgufMetadata {
 public:
  // The C++ type is the type in the file: uint32_t, float, bool, std::string, std::vector of those,
  // and vectors of vectors. Requires: a key that is new, not empty, at most 65535 bytes long and
  // not general.alignment.
  template <class T>
  requires requires { gguf_encoding::TypeOf<T>::value; }
  void set(std::string_view key, const T& value) {
    add(key, gguf_encoding::TypeOf<T>::value);
    gguf_encoding::append(bytes_, value);
  }
  void set(std::string_view key, std::string_view value) { set<std::string_view>(key, value); }
  // Copies the value of another file, whatever its type.
  void set(std::string_view key, const GgufValue& value);
  // general.alignment, in this place of the order. Requires: a power of two, at least 8.
  void set_alignment(uint32_t alignment);
  uint32_t alignment() const { return alignment_; }

  uint64_t size() const { return keys_.size(); }
  bool contains(std::string_view key) const { return keys_.contains(std::string(key)); }
  const std::string& bytes() const { return bytes_; }  // as in the file

 private:
  void add(std::string_view key, GgufType type, bool is_alignment = false);

  std::string bytes_;
  std::unordered_set<std::string> keys_;
  uint32_t alignment_ = 32;
};

// Writes one file front to back, never holding more than one tensor: declare all tensors, then
// write their bytes in that order. Without commit() nothing appears at `path`.
class GgufWriter {
 public:
  // `tensors` need name, type and shape; places are computed.
  // Requires: names that are new, not empty and at most 63 bytes long (what llama.cpp reads); at
  // most 4 dimensions; rows of whole blocks.
  // Throws: IoError.
  GgufWriter(const std::filesystem::path& path, const GgufMetadata& metadata,
             std::vector<GgufTensor> tensors);
  // Requires: called once for each tensor, in order, with exactly the tensor's bytes.
  void write_next(std::span<const std::byte> bytes);
  // Requires: every tensor was written.
  void commit();

 private:
  void pad();

  AtomicFile file_;
  std::vector<GgufTensor> tensors_;
  uint64_t alignment_;
  size_t next_ = 0;
};

}  // namespace llm::io
