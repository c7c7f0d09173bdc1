// XXH3-64 (xxHash): the project's hash for fingerprints, manifests and document ids. Not for
// security.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace llm::io {

uint64_t xxh3(std::span<const std::byte> bytes, uint64_t seed = 0);
uint64_t xxh3(std::string_view text, uint64_t seed = 0);
// Throws: IoError.
uint64_t xxh3_file(const std::filesystem::path& path);
std::string hex64(uint64_t value);  // 16 lower-case digits
// Throws: FormatError naming `where`.
uint64_t parse_hex64(std::string_view text, const std::string& where);

// Streaming form.
class Xxh3 {
 public:
  Xxh3();
  ~Xxh3();
  Xxh3(const Xxh3&) = delete;
  Xxh3& operator=(const Xxh3&) = delete;
  void update(std::span<const std::byte> bytes);
  uint64_t digest() const;

 private:
  void* state_;
};

}  // namespace llm::io
