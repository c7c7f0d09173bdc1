// Several texts as one, for messages between ranks: each as its length in 8 bytes (little endian)
// and its bytes.
#pragma once

#include <string>
#include <vector>

namespace llm::dist {

std::string pack_strings(const std::vector<std::string>& texts);
// Requires: what pack_strings() made.
std::vector<std::string> unpack_strings(const std::string& packed);

}  // namespace llm::dist
