// Whether bytes are UTF-8 (RFC 3629: no surrogates, no overlong forms, at most U+10FFFF).
#pragma once

#include <cstddef>
#include <string_view>

namespace llm::io {

// The offset of the first byte that is not part of a valid character, or npos.
size_t first_invalid_utf8(std::string_view text);

}  // namespace llm::io
