#include "llm/io/hash.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <charconv>
#include <new>
#include <vector>

#include "io/file_descriptor.h"
#include "llm/core/error.h"

namespace llm::io {

uint64_t xxh3(std::span<const std::byte> bytes, uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

uint64_t xxh3(std::string_view text, uint64_t seed) {
  return XXH3_64bits_withSeed(text.data(), text.size(), seed);
}

uint64_t xxh3_file(const std::filesystem::path& path) {
  const FileDescriptor file = open_for_reading(path);
  std::vector<char> buffer(size_t{1} << 20);
  Xxh3 hash;
  while (const size_t count = read_fully(file, buffer.data(), buffer.size(), path)) {
    hash.update(std::as_bytes(std::span(buffer.data(), count)));
  }
  return hash.digest();
}

std::string hex64(uint64_t value) { return fmt::format("{:016x}", value); }

uint64_t parse_hex64(std::string_view text, const std::string& where) {
  uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, 16);
  const bool has_upper = text.find_first_of("ABCDEF") != std::string_view::npos;
  if (text.size() != 16 || error != std::errc() || stop != end || has_upper) {
    throw core::FormatError({.where = where,
                             .expected = "16 lower-case hexadecimal digits",
                             .got = fmt::format("\"{}\"", text),
                             .hint = ""});
  }
  return value;
}

Xxh3::Xxh3() : state_(XXH3_createState()) {
  if (state_ == nullptr) throw std::bad_alloc();
  XXH3_64bits_reset(static_cast<XXH3_state_t*>(state_));
}

Xxh3::~Xxh3() { XXH3_freeState(static_cast<XXH3_state_t*>(state_)); }

void Xxh3::update(std::span<const std::byte> bytes) {
  XXH3_64bits_update(static_cast<XXH3_state_t*>(state_), bytes.data(), bytes.size());
}

uint64_t Xxh3::digest() const {
  return XXH3_64bits_digest(static_cast<const XXH3_state_t*>(state_));
}

}  // namespace llm::io
