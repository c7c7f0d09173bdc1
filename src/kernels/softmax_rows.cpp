#include "kernels/softmax_rows.h"

#include <ATen/ATen.h>

#include "kernels/cpu/softmax_rows.h"
#include "kernels/cuda/softmax_rows.h"

namespace llm::kernels {

void softmax_statistics(const LogitRows& rows, const RowStatistics& out) {
  if (rows.logits.is_cuda()) return cuda::softmax_statistics(rows, out);
  cpu::softmax_statistics(rows, out);
}

at::Tensor softmax_gradient_(const LogitRows& rows, const at::Tensor& lse,
                             const at::Tensor& coefficients, at::ScalarType type) {
  if (rows.logits.is_cuda()) return cuda::softmax_gradient_(rows, lse, coefficients, type);
  return cpu::softmax_gradient_(rows, lse, coefficients, type);
}

at::Tensor softmax_scaled_gradient_(const LogitRows& rows, const RowStatistics& out,
                                    double coefficient, at::ScalarType type) {
  if (rows.logits.is_cuda()) return cuda::softmax_scaled_gradient_(rows, out, coefficient, type);
  return cpu::softmax_scaled_gradient_(rows, out, coefficient, type);
}

}  // namespace llm::kernels
