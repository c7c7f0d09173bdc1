#include "llm/text/utf8.h"

#include <cstring>

namespace llm::text {
namespace {

// Length of the well-formed character at `p` (0: none), and in `partial` how many bytes of a
// well-formed character are there before the text ends or goes wrong (Unicode 15, table 3-7).
struct Step {
  int length = 0;
  int partial = 0;
  bool cut = false;  // the bytes are fine so far, the text ends inside the character
};

bool is_continuation(uint8_t byte) { return (byte & 0xC0) == 0x80; }

Step decode_step(const uint8_t* p, size_t left) {
  const uint8_t lead = p[0];
  if (lead < 0x80) return {1, 1, false};
  if (lead < 0xC2 || lead > 0xF4) return {0, 1, false};
  const int length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  if (left < 2) return {0, 1, true};
  uint8_t low = 0x80, high = 0xBF;
  if (lead == 0xE0) low = 0xA0;
  if (lead == 0xED) high = 0x9F;
  if (lead == 0xF0) low = 0x90;
  if (lead == 0xF4) high = 0x8F;
  if (p[1] < low || p[1] > high) return {0, 1, false};
  for (int i = 2; i < length; ++i) {
    if (left <= static_cast<size_t>(i)) return {0, i, true};
    if (!is_continuation(p[i])) return {0, i, false};
  }
  return {length, length, false};
}

const uint8_t* bytes_of(std::string_view text) {
  return reinterpret_cast<const uint8_t*>(text.data());
}

// First offset from `i` on whose 8-byte word may hold a byte >= 0x80.
size_t skip_ascii(const uint8_t* p, size_t i, size_t size) {
  uint64_t word;
  while (i + 8 <= size) {
    std::memcpy(&word, p + i, 8);
    if (word & 0x8080808080808080ull) break;
    i += 8;
  }
  return i;
}

}  // namespace

size_t find_invalid_utf8(std::string_view text) {
  const uint8_t* p = bytes_of(text);
  size_t i = 0;
  while (i < text.size()) {
    if (p[i] < 0x80) {
      i = skip_ascii(p, i + 1, text.size());
      continue;
    }
    const Step step = decode_step(p + i, text.size() - i);
    if (step.length == 0) return i;
    i += step.length;
  }
  return std::string_view::npos;
}

std::string replace_invalid_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  const uint8_t* p = bytes_of(text);
  size_t i = 0;
  while (i < text.size()) {
    const size_t bad = find_invalid_utf8(text.substr(i));
    if (bad == std::string_view::npos) {
      out.append(text.substr(i));
      break;
    }
    out.append(text.substr(i, bad));
    i += bad;
    out.append("\xEF\xBF\xBD");
    i += decode_step(p + i, text.size() - i).partial;
  }
  return out;
}

size_t complete_utf8_prefix(std::string_view bytes) {
  const uint8_t* p = bytes_of(bytes);
  const size_t tail = bytes.size() < 3 ? bytes.size() : 3;
  for (size_t back = tail; back >= 1; --back) {
    const size_t start = bytes.size() - back;
    if (is_continuation(p[start])) continue;
    if (decode_step(p + start, back).cut) return start;
  }
  return bytes.size();
}

void append_utf8(std::string& out, char32_t c) {
  if (c < 0x80) {
    out.push_back(static_cast<char>(c));
  } else if (c < 0x800) {
    out.push_back(static_cast<char>(0xC0 | (c >> 6)));
    out.push_back(static_cast<char>(0x80 | (c & 0x3F)));
  } else if (c < 0x10000) {
    out.push_back(static_cast<char>(0xE0 | (c >> 12)));
    out.push_back(static_cast<char>(0x80 | ((c >> 6) & 0x3F)));
    out.push_back(static_cast<char>(0x80 | (c & 0x3F)));
  } else {
    out.push_back(static_cast<char>(0xF0 | (c >> 18)));
    out.push_back(static_cast<char>(0x80 | ((c >> 12) & 0x3F)));
    out.push_back(static_cast<char>(0x80 | ((c >> 6) & 0x3F)));
    out.push_back(static_cast<char>(0x80 | (c & 0x3F)));
  }
}

}  // namespace llm::text
