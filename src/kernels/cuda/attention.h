// The CUDA implementation of (fp32 and bf16) llm/kernels/attention.h.
#pragma once

#include "llm/kernels/attention.h"

namespace llm::kernels::cuda {

AttentionOutput attention_forward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                  const AttentionShape& shape);
// Writes dq, dk, dv into `grads`, which are allocated.
void attention_backward(const at::Tensor& dout, const at::Tensor& q, const at::Tensor& k,
                        const at::Tensor& v, const AttentionOutput& forward,
                        const AttentionShape& shape, const AttentionGradients& grads);
at::Tensor attention_cached(const at::Tensor& q, const at::Tensor& k_cache,
                            const at::Tensor& v_cache, double scale);

}  // namespace llm::kernels::cuda
