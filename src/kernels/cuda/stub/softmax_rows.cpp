#include "kernels/cuda/softmax_rows.h"

#include "kernels/cuda/stub/no_cuda.h"

namespace llm::kernels::cuda {

void softmax_statistics(const LogitRows&, const RowStatistics&) {
  fail_without_cuda("softmax_statistics");
}

at::Tensor softmax_gradient_(const LogitRows&, const at::Tensor&, const at::Tensor&,
                             at::ScalarType) {
  fail_without_cuda("softmax_gradient_");
}

at::Tensor softmax_scaled_gradient_(const LogitRows&, const RowStatistics&, double,
                                    at::ScalarType) {
  fail_without_cuda("softmax_scaled_gradient_");
}

}  // namespace llm::kernels::cuda
