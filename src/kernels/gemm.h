// The matrix products of the room. What they share: the library is chosen by what is fastest for
// the shape (oneDNN or MKL on CPU, cuBLAS on CUDA), a weight of another type than the activations
// is converted some rows at a time, and products for a weight's gradient are added to it without a
// temporary of the weight's size. Letters: T tokens, I and O a weight's columns and rows.
#pragma once

#include <ATen/core/Tensor.h>

#include "llm/tensor/quantized_matrix.h"

namespace llm::kernels {

// x W^T (+ bias); x [T, I], w [O, I], bias [O] or undefined -> [T, O]. Rows may be strided.
at::Tensor product_transposed(const at::Tensor& x, const at::Tensor& w, const at::Tensor& bias);

// The same without a bias, in fp32 whatever the inputs' type.
at::Tensor product_transposed_fp32(const at::Tensor& x, const at::Tensor& w);

// dy W; dy [T, O], w [O, I] -> [T, I].
at::Tensor product(const at::Tensor& dy, const at::Tensor& w);

// The same for a matrix of blocks.
at::Tensor product_transposed(const at::Tensor& x, const tensor::QuantizedMatrix& w,
                              const at::Tensor& bias);
at::Tensor product(const at::Tensor& dy, const tensor::QuantizedMatrix& w);

// grad += dy^T x; dy [T, O], x [T, I], grad [O, I]. grad may be fp32 when dy and x are half types.
void add_weight_gradient_(const at::Tensor& grad, const at::Tensor& dy, const at::Tensor& x);

// True when the gradient of `leaf` is to be added to its preset `.grad`.
bool has_gradient_buffer(const at::Tensor& leaf);

}  // namespace llm::kernels
