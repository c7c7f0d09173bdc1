// Small random damage to a file's bytes, the same for the same random stream.
#pragma once

#include <algorithm>
#include <array>
#include <cstring>
#include <string>

#include "llm/core/rng.h"

namespace llm::test {

inline void mutate_once(std::string& bytes, core::PhiloxStream& random) {
  const size_t size = bytes.size();
  const size_t at = random.next_below(size + 1);
  const size_t length = random.next_below(std::min<size_t>(16, size - at) + 1);
  switch (random.next_below(7)) {
    case 0:  // one bit
      if (at < size) bytes[at] = static_cast<char>(bytes[at] ^ 1 << random.next_below(8));
      break;
    case 1:  // one byte
      if (at < size) bytes[at] = static_cast<char>(random.next_u32());
      break;
    case 2:  // a hole
      bytes.erase(at, length);
      break;
    case 3:  // a repetition
      bytes.insert(at, bytes.substr(at, length));
      break;
    case 4:  // a cut
      bytes.resize(at);
      break;
    case 5:  // one character of structured text
      if (at < size) bytes[at] = "{}[]\",:0-9.eE\\/*\n "[random.next_below(18)];
      break;
    case 6: {  // a number that overflows something
      constexpr std::array<uint64_t, 8> kEdges{
          0, 1, 0x7F, 0x8000, 0xFFFFFFFF, 0x7FFFFFFFFFFFFFFF, 0x8000000000000000, UINT64_MAX};
      const uint64_t edge = kEdges[random.next_below(kEdges.size())];
      if (size - at >= sizeof edge) std::memcpy(bytes.data() + at, &edge, sizeof edge);
      break;
    }
  }
}

// One to four mutations of a copy.
inline std::string mutated(std::string bytes, core::PhiloxStream& random) {
  const uint64_t count = 1 + random.next_below(4);
  for (uint64_t i = 0; i < count; ++i) mutate_once(bytes, random);
  return bytes;
}

}  // namespace llm::test
