// Tensors to what the launchers take.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include "kernels/cuda/launch.h"
#include "kernels/rows.h"
#include "llm/core/check.h"

namespace llm::kernels::cuda {

inline Type type_of(const at::Tensor& x) {
  LLM_CHECK(x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16,
            "the CUDA kernels take fp32 and bf16");
  return x.scalar_type() == at::kFloat ? Type::kFloat : Type::kBFloat16;
}

inline Rows rows_of(const at::Tensor& x) {
  const RowLayout layout = row_layout(x);
  return {layout.count, layout.width, layout.inner, layout.inner_stride, layout.outer_stride};
}

// Calls launcher(launch, current stream of the tensor's device) and checks that it started.
template <class Launcher, class Launch>
void start(const at::Tensor& on, const Launcher& launcher, const Launch& launch) {
  const c10::cuda::CUDAGuard device(on.device());
  launcher(launch, c10::cuda::getCurrentCUDAStream().stream());
  C10_CUDA_KERNEL_LAUNCH_CHECK();
}

}  // namespace llm::kernels::cuda
