// One string field of a JSON object on one line, without building the object; and escapes in such a
// line that stand for no character.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace llm::corpus {

// The value of the top-level field `name`. `path` and `line_number` are for messages. Requires:
// valid UTF-8. Throws: DataError with path:line:column when the line is no JSON, and with path:line
// when it is no object, or the field is missing, no string, or there twice.
std::string json_text_field(std::string_view line, const std::string& name, const std::string& path,
                            uint64_t line_number);

// Offset of the first escape \uD800 to \uDFFF that is not half of a pair (RFC 8259, section 7: it
// stands for no character), or npos.
size_t find_lone_surrogate(std::string_view line);
// Puts \ufffd in place of every lone surrogate; all offsets stay.
void replace_lone_surrogates(std::string& line);

}  // namespace llm::corpus
