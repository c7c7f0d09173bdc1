// Standard output that tells when it was lost: a full disk or a broken device must not look like
// success.
#pragma once

#include <string_view>

namespace llm::apps {

// Throws: IoError.
void write_output(std::string_view text);
// Hands everything printed so far, by whatever means, to the system. Throws: IoError when any of it
// was lost.
void flush_output();

}  // namespace llm::apps
