#include "kernels/cuda/rms_norm.h"

#include "kernels/cuda/stub/no_cuda.h"

namespace llm::kernels::cuda {

RmsNormOutput rms_norm_forward(const at::Tensor&, const at::Tensor&, double) {
  fail_without_cuda("rms_norm_forward");
}

at::Tensor rms_norm_recompute(const at::Tensor&, const at::Tensor&, const at::Tensor&) {
  fail_without_cuda("rms_norm_recompute");
}

AddRmsNormOutput add_rms_norm_forward(const at::Tensor&, const at::Tensor&, const at::Tensor&,
                                      double) {
  fail_without_cuda("add_rms_norm_forward");
}

at::Tensor rms_norm_backward(const at::Tensor&, const at::Tensor&, const at::Tensor&,
                             const at::Tensor&, const at::Tensor&, const at::Tensor&) {
  fail_without_cuda("rms_norm_backward");
}

}  // namespace llm::kernels::cuda
