// How much memory the process uses.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace llm::tensor {

struct MemoryStats {
  int64_t current_bytes = 0;
  int64_t peak_bytes = 0;
};

// CPU: resident set size of the process and its high-water mark (proc(5) VmRSS, VmHWM). CUDA: bytes
// allocated by LibTorch on that device and their peak.
MemoryStats memory_stats(at::Device device);

// The memory this process may use: of the machine, or of its control group (cgroup v2 memory.max)
// where that is less. Swap does not count.
int64_t machine_memory_bytes();

// What of it is free now, or would be if file caches gave way (proc(5) MemAvailable, cgroup v2
// memory.current).
int64_t available_memory_bytes();

// Sets the CPU high-water mark back to the present (proc(5) clear_refs); false where the system
// does not allow it.
bool reset_peak_memory();

}  // namespace llm::tensor
