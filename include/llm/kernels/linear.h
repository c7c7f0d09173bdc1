// y = x W^T + b over the forms a weight can have, plus low-rank updates (LoRA, Hu et al., arXiv
// 2106.09685) of row ranges of W:
//   y[:, row : row + O'] += scale * drop(x) A^T B^T
// Letters: T tokens, I input features, O output features, R rank, O' rows that an update changes.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "llm/kernels/dropout.h"
#include "llm/tensor/quantized_matrix.h"

namespace llm::kernels {

struct LowRankUpdate {
  at::Tensor a;     // [R, I]
  at::Tensor b;     // [O', R]
  int64_t row = 0;  // the first of the O' rows
  double scale = 1;
  double dropout = 0;   // probability, of x on its way to A, where there is noise
  uint64_t stream = 0;  // of the dropout's randomness: another one for each update of a model
};

// A linear layer's weight: an autograd leaf (its .grad preset into flat storage), a frozen tensor,
// or frozen blocks (CPU). A frozen one may be of another type than x, bf16 say; such rows and
// blocks are converted to x's type right before their product, some 16 MiB at a time, so that no
// copy of the weight exists.
struct LinearWeight {
  at::Tensor weight;  // [O, I]; undefined where there are blocks
  at::Tensor bias;    // [O] or undefined
  std::vector<LowRankUpdate> updates = {};
  std::shared_ptr<const tensor::QuantizedMatrix> quantized = nullptr;

  int64_t out_features() const { return quantized ? quantized->rows() : weight.size(0); }
  int64_t in_features() const { return quantized ? quantized->columns() : weight.size(1); }
};

// Differentiable. A weight, bias or factor with a preset .grad gets its gradient added there, in
// place. x may have strided rows. Without noise nothing is dropped.
at::Tensor linear(const at::Tensor& x, const LinearWeight& weight,
                  const NoiseContext& noise = {});  // [T, I] -> [T, O]

// For blocks with their own backward: no graph.
at::Tensor linear_forward(const at::Tensor& x, const LinearWeight& weight,
                          const NoiseContext& noise = {});  // [T, I] -> [T, O]
// Returns dx [T, I]; adds dW, db, dA and dB straight into the .grad of each that has one. Keeps
// nothing from the forward: drop(x) A^T is computed again. Requires: the forward's noise.
at::Tensor linear_backward(const at::Tensor& dy, const at::Tensor& x, const LinearWeight& weight,
                           const NoiseContext& noise = {});

}  // namespace llm::kernels
