// The low-rank updates of a linear layer. Letters: T tokens, I and O the layer's columns and rows,
// R rank.
#pragma once

#include <ATen/core/Tensor.h>

#include "llm/kernels/linear.h"

namespace llm::kernels {

// The update's share of y alone, of plain operators: differentiable. x [T, I] -> [T, O'].
at::Tensor low_rank_reference(const at::Tensor& x, const LowRankUpdate& update,
                              const NoiseContext& noise);

// y[:, rows of the update] += its share; y [T, O], x [T, I].
void add_low_rank_(const at::Tensor& y, const at::Tensor& x, const LowRankUpdate& update,
                   const NoiseContext& noise);

// Undefined where the gradient went to a preset .grad or is not wanted.
struct LowRankGradients {
  at::Tensor a;  // [R, I]
  at::Tensor b;  // [O', R]
};
// dy [T, O], x [T, I]; adds to dx [T, I] when that is defined.
LowRankGradients low_rank_backward(const at::Tensor& dy, const at::Tensor& x,
                                   const LowRankUpdate& update, const NoiseContext& noise,
                                   const at::Tensor& dx);

}  // namespace llm::kernels
