#include "kernels/cuda/rope.h"

#include "kernels/cuda/stub/no_cuda.h"

namespace llm::kernels::cuda {

void rope_(const at::Tensor&, const at::Tensor&, const at::Tensor&, bool) {
  fail_without_cuda("rope_");
}

}  // namespace llm::kernels::cuda
