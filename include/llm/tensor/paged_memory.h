// Memory of large CPU tensors. A training step allocates and frees gigabytes of activations: the
// system's allocator either gives the pages back each time (and every first touch of a 4 KiB page
// is a fault) or keeps them all (and the peak is activations plus gradients). This allocator takes
// blocks of 1 MiB and more from one reserved range in huge pages, and what happens to free ones is
// the policy below.
#pragma once

#include <cstdint>

namespace llm::tensor {

enum class PagePolicy {
  kKeep,    // free memory stays with the process: no page is faulted in twice
  kRelease  // all but kKeptMemoryBytes goes back: a lower peak, at the cost of faults
};
inline constexpr int64_t kKeptMemoryBytes = int64_t{192} << 20;  // under kRelease

// Makes it LibTorch's CPU allocator, for the rest of the process; smaller blocks still come from
// LibTorch's own. Calling it again changes the policy alone. Where the system refuses the
// reservation, everything stays as it was. Thread-safe. Returns whether it is in force.
bool use_paged_memory(PagePolicy policy);

struct PagedMemoryStats {
  int64_t used_bytes = 0;  // in live tensors
  int64_t kept_bytes = 0;  // free, and probably still resident
};
PagedMemoryStats paged_memory_stats();

}  // namespace llm::tensor
