// Checks of option values, with messages that say what was expected.
#pragma once

#include <CLI/CLI.hpp>

#include <cstdint>
#include <limits>

namespace llm::apps {

// "expected a whole number of at least 1, got 0"; with `most` "expected a whole number from 1 to
// 9, got 0".
CLI::Validator whole_number(int64_t least, int64_t most = std::numeric_limits<int64_t>::max());

// "expected a number above 0, got -1".
CLI::Validator number_above(double low);

// "expected valid UTF-8, got byte 0xFF at byte 1".
CLI::Validator valid_utf8();

// Takes "5GB" (10^9 bytes), "500MiB" (2^20), "1000" and gives the option the number of bytes.
// "expected a size such as 5GB or 500MiB, got -5".
CLI::Validator byte_size();

}  // namespace llm::apps
