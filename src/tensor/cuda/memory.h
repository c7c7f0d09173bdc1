// CUDA memory statistics; cuda/stub/memory.cpp stands in for builds without CUDA.
#pragma once

#include "llm/tensor/memory_stats.h"

namespace llm::tensor {

MemoryStats cuda_memory_stats(at::Device device);

}  // namespace llm::tensor
