// Checks of option values, with messages that say what was expected.
#pragma once

#include <CLI/CLI.hpp>

#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace llm::apps {

// "expected a whole number of at least 1, got 0"; with `most` "expected a whole number from 1 to
// 9, got 0".
CLI::Validator whole_number(int64_t least, int64_t most = std::numeric_limits<int64_t>::max());

// "expected a number above 0, got -1".
CLI::Validator number_above(double low);

// "expected one of f32, bf16, f16, got f64"; with two names "expected hf or gguf, got x".
CLI::Validator one_of(std::vector<std::string> names);
// The keys of a map, in its order.
template <class Value>
CLI::Validator one_of(const std::map<std::string, Value>& choices) {
  std::vector<std::string> names;
  for (const auto& [name, unused] : choices) names.push_back(name);
  return one_of(std::move(names));
}

// "expected valid UTF-8, got byte 0xFF at byte 1".
CLI::Validator valid_utf8();

// Takes "5GB" (10^9 bytes), "500MiB" (2^20), "1000" and gives the option the number of bytes.
// "expected a size such as 5GB or 500MiB, got -5".
CLI::Validator byte_size();

}  // namespace llm::apps
