// Rows of logits to log-probabilities and, in place, to gradients: the part of linear_logprob
// between its matrix products, on CUDA.
#pragma once

#include "kernels/softmax_rows.h"

namespace llm::kernels::cuda {

void softmax_statistics(const LogitRows& rows, const RowStatistics& out);
at::Tensor softmax_gradient_(const LogitRows& rows, const at::Tensor& lse,
                             const at::Tensor& coefficients, at::ScalarType type);
at::Tensor softmax_scaled_gradient_(const LogitRows& rows, const RowStatistics& out,
                                    double coefficient, at::ScalarType type);

}  // namespace llm::kernels::cuda
