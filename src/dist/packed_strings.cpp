#include "dist/packed_strings.h"

#include <cstring>

#include "llm/core/check.h"

namespace llm::dist {

std::string pack_strings(const std::vector<std::string>& texts) {
  std::string packed;
  for (const std::string& text : texts) {
    const uint64_t length = text.size();
    packed.append(reinterpret_cast<const char*>(&length), sizeof length);
    packed += text;
  }
  return packed;
}

std::vector<std::string> unpack_strings(const std::string& packed) {
  std::vector<std::string> texts;
  for (size_t at = 0; at < packed.size();) {
    uint64_t length = 0;
    LLM_CHECK(packed.size() - at >= sizeof length, "a message of {} bytes ends early",
              packed.size());
    std::memcpy(&length, packed.data() + at, sizeof length);
    at += sizeof length;
    LLM_CHECK(length <= packed.size() - at, "a message of {} bytes ends early", packed.size());
    texts.push_back(packed.substr(at, length));
    at += length;
  }
  return texts;
}

}  // namespace llm::dist
