// Durations, counts and sizes as people read them. For terminals and reports; files hold plain
// numbers.
#pragma once

#include <cstdint>
#include <string>

namespace llm::core {

std::string format_duration(double seconds);  // "0.25 s", "12.3 s", "1m 12s", "3h 05m", "2d 04h"
std::string format_count(double count);       // "950", "12.4 k", "12.4 M", "1.50 B", "3.20 T"
std::string format_bytes(uint64_t bytes);     // "512 B", "3.2 GiB" (powers of 1024)

}  // namespace llm::core
