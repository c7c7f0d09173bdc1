#include "kernels/cuda/optimizer.h"

#include "kernels/cuda/stub/no_cuda.h"

namespace llm::kernels::cuda {

void adamw_(const at::Tensor&, const at::Tensor&, const at::Tensor&, const at::Tensor&,
            const AdamwStep&) {
  fail_without_cuda("adamw_");
}

at::Tensor squared_norm(const at::Tensor&) { fail_without_cuda("squared_norm"); }

}  // namespace llm::kernels::cuda
