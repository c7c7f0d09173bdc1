// The random words of one token's features, in the order that llm/kernels/dropout.h states.
#pragma once

#include <cstdint>

namespace llm::kernels::cpu {

inline constexpr int64_t kRandomGroup = 16;  // features whose words are made together

// Requires: room in `words` for `features` rounded up to kRandomGroup.
void random_row(uint64_t key, uint64_t token, int64_t features, uint32_t* words);

// out[i] = words[i] < least ? 0 : kept. Requires: the same room in `words`.
void threshold_row(const uint32_t* words, int64_t features, uint32_t least, float kept, float* out);

}  // namespace llm::kernels::cpu
