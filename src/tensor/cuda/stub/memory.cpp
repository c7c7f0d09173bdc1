#include "tensor/cuda/memory.h"

#include "llm/core/check.h"

namespace llm::tensor {

MemoryStats cuda_memory_stats(at::Device device) {
  LLM_CHECK(false, "{} in a build without CUDA", device.str());
  return {};
}

}  // namespace llm::tensor
