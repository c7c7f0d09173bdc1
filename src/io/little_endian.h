// Numbers in little-endian byte order, at any alignment.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace llm::io {

// The formats of this room are little endian, and so is every machine the project runs on.
static_assert(std::endian::native == std::endian::little);

template <class T>
T load_le(const std::byte* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

template <class T>
void store_le(std::byte* bytes, T value) {
  std::memcpy(bytes, &value, sizeof value);
}

}  // namespace llm::io
