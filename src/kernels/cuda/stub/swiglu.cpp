#include "kernels/cuda/swiglu.h"

#include "kernels/cuda/stub/no_cuda.h"

namespace llm::kernels::cuda {

at::Tensor swiglu_forward(const at::Tensor&) { fail_without_cuda("swiglu_forward"); }

at::Tensor swiglu_backward(const at::Tensor&, const at::Tensor&, bool, const at::Tensor&) {
  fail_without_cuda("swiglu_backward");
}

}  // namespace llm::kernels::cuda
