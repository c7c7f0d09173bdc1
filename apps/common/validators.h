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

}  // namespace llm::apps
