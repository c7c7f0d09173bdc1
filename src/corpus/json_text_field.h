// One string field of a JSON object on one line, without building the object.
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

}  // namespace llm::corpus
