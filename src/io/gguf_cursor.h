// Reading a GGUF file front to back: every length and count is compared with the bytes that are
// left before it is believed.
#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "io/little_endian.h"
#include "llm/io/gguf.h"

namespace llm::io {

// Bytes of a value of that type: of scalars, all; of strings and arrays, the least there can be.
uint64_t gguf_least_size(GgufType type);

class GgufCursor {
 public:
  // `file` names the file in errors and outlives the cursor.
  GgufCursor(std::span<const std::byte> bytes, const std::string& file)
      : bytes_(bytes), file_(file) {}

  uint64_t position() const { return at_; }
  uint64_t left() const { return bytes_.size() - at_; }
  // Names what is being read in errors: a key, a tensor.
  void set_context(std::string_view context) { context_ = context; }

  template <class T>
  T read(const char* what) {
    return load_le<T>(take(sizeof(T), what).data());
  }
  // A u64 length and that many bytes.
  std::string_view read_string(const char* what);
  // As read_string, of 1 to `longest` bytes of UTF-8.
  std::string_view read_name(const char* what, uint64_t longest);
  GgufType read_type(const char* what);
  // Checks and passes over a value, and returns its bytes. `depth`: how many arrays it lies in.
  std::span<const std::byte> read_value(GgufType type, int depth = 0);

  [[noreturn]] void fail(uint64_t position, const std::string& expected, const std::string& got,
                         const std::string& hint = "") const;

 private:
  std::span<const std::byte> take(uint64_t size, const char* what);
  void pass_array(int depth);

  std::span<const std::byte> bytes_;
  const std::string& file_;
  std::string_view context_;
  uint64_t at_ = 0;
};

}  // namespace llm::io
