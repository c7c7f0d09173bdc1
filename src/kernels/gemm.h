// The matrix products of the room, through ATen (MKL or cuBLAS). What they share: results land in
// memory the caller owns, and products for a weight's gradient are added to it without a temporary
// of the weight's size.
#pragma once

#include <ATen/core/Tensor.h>

namespace llm::kernels {

// out = x W^T; x [T, I], w [O, I], out [T, O]. Rows may be strided. fp32 results of half inputs are
// allowed on CUDA.
void product_transposed_out(const at::Tensor& out, const at::Tensor& x, const at::Tensor& w);

// grad += dy^T x; dy [T, O], x [T, I], grad [O, I]. grad may be fp32 when dy and x are half types.
void add_weight_gradient_(const at::Tensor& grad, const at::Tensor& dy, const at::Tensor& x);

// True when the gradient of `leaf` is to be added to its preset `.grad`.
bool has_gradient_buffer(const at::Tensor& leaf);

}  // namespace llm::kernels
