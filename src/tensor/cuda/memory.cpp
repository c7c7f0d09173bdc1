#include "tensor/cuda/memory.h"

#include <c10/cuda/CUDACachingAllocator.h>

namespace llm::tensor {

MemoryStats cuda_memory_stats(at::Device device) {
  const auto stats =
      c10::cuda::CUDACachingAllocator::getDeviceStats(device.index() < 0 ? 0 : device.index());
  const auto& allocated =
      stats.allocated_bytes[static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE)];
  return {allocated.current, allocated.peak};
}

}  // namespace llm::tensor
