// Rows of logits to log-probabilities and, in place, to gradients. Letters: C rows, V vocabulary.
#pragma once

#include <ATen/core/Tensor.h>

namespace llm::kernels {

struct LogitRows {
  at::Tensor logits;   // [C, V] fp32, contiguous
  at::Tensor targets;  // [C] int64, every one in 0 .. V - 1
};

// Where the rows' statistics go; an undefined tensor is not computed.
struct RowStatistics {
  at::Tensor logprob;  // [C] fp32, always
  at::Tensor lse;      // [C] fp32
  at::Tensor entropy;  // [C] fp32
  at::Tensor hits;     // [C] bool: the first largest logit is the target's
};

void softmax_statistics(const LogitRows& rows, const RowStatistics& out);

// coefficient * (onehot(target) - softmax(logits)), the gradient of coefficient * logprob, written
// over the logits; [C, V] of `type`, a view of the logits' memory. coefficients [C] fp32.
at::Tensor softmax_gradient_(const LogitRows& rows, const at::Tensor& lse,
                             const at::Tensor& coefficients, at::ScalarType type);

// The statistics and the gradient for one coefficient in one go.
at::Tensor softmax_scaled_gradient_(const LogitRows& rows, const RowStatistics& out,
                                    double coefficient, at::ScalarType type);

}  // namespace llm::kernels
