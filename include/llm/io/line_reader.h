// Lines of plain, gzip (.gz) and Zstandard (.zst) files, streamed with bounded memory. The format
// is told by the first bytes, not by the name.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

namespace llm::io {

// Decompressed bytes of a file. Not thread-safe.
class ByteReader {
 public:
  // Throws: IoError.
  explicit ByteReader(const std::filesystem::path& path);
  ~ByteReader();
  // Fills up to `capacity` bytes; 0 at the end.
  // Throws: FormatError when the compressed stream is damaged or ends early, naming path and
  // offset.
  size_t read(char* out, size_t capacity);
  uint64_t compressed_position() const;  // bytes of the file consumed, for progress
  uint64_t compressed_size() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Splits at '\n' ("\r\n" loses its '\r'). Not thread-safe.
class LineReader {
 public:
  explicit LineReader(const std::filesystem::path& path);
  ~LineReader();
  // The next line without its end, or nothing at the end of the file. A last line without '\n'
  // counts. Throws: as ByteReader; DataError for a line longer than 1 GiB.
  std::optional<std::string> next();
  uint64_t line_number() const;  // of the line last returned, 1-based
  const ByteReader& bytes() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace llm::io
