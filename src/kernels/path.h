// The implementation that a call takes. The CPU loops are fp32, the CUDA kernels fp32 and bf16 (by
// the type of the first tensor); every other type takes the reference, which computes half types in
// fp32 and fp64 in fp64.
#pragma once

#include <ATen/core/Tensor.h>

#include <initializer_list>

namespace llm::kernels {

enum class Path { kReference, kCpu, kCuda };

// Undefined tensors are skipped. Requires: at least one defined tensor, all of one device.
Path path_for(std::initializer_list<at::Tensor> tensors);

// Statistics and reductions of a tensor of this type: fp64 for fp64, else fp32.
inline at::ScalarType statistics_type(const at::Tensor& x) {
  return x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
}

}  // namespace llm::kernels
