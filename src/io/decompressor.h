// Streams of compressed bytes to plain bytes: gzip (RFC 1952) and Zstandard (RFC 8878), both with
// several members or frames one after the other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace llm::io {

struct DecompressStep {
  size_t consumed = 0;
  size_t produced = 0;
};

// Not thread-safe. Problems are returned as text, since the caller knows the place.
class Decompressor {
 public:
  virtual ~Decompressor() = default;
  // Takes from `input` and fills `out` as far as both go. Empty input: what is still inside.
  // On damage sets `problem` and returns nothing useful.
  virtual DecompressStep step(std::string_view input, char* out, size_t capacity,
                              std::string& problem) = 0;
  // Nothing begun is left unfinished: the input may end here.
  virtual bool may_end() const = 0;
};

// Chosen by the first bytes of the stream; a plain copy for anything else. `size`: of the whole
// stream in bytes, or the largest value when it is not known. It limits the memory that the stream
// may ask for.
std::unique_ptr<Decompressor> make_decompressor(std::string_view first_bytes, uint64_t size);

}  // namespace llm::io
