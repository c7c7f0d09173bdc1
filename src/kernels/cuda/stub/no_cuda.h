// What the CUDA implementations do in a build without CUDA.
#pragma once

#include "llm/core/check.h"

namespace llm::kernels::cuda {

[[noreturn]] inline void fail_without_cuda(const char* kernel) {
  LLM_CHECK(false, "{} was called with CUDA tensors, but this is a build without CUDA", kernel);
  __builtin_unreachable();
}

}  // namespace llm::kernels::cuda
