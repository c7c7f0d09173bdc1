// The size of a transparent huge page: 512 times fewer faults than with pages of 4 KiB.
#pragma once

#include <cstdint>

namespace llm::tensor {

inline constexpr int64_t kHugePage = int64_t{2} << 20;

}  // namespace llm::tensor
