// AdamW (Loshchilov & Hutter, arXiv 1711.05101) and the gradient norm over flat fp32 ranges.
// Deterministic for a thread count.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace llm::kernels {

struct AdamwStep {
  double lr = 0;
  double beta1 = 0.9;
  double beta2 = 0.95;
  double eps = 1e-8;
  double weight_decay = 0;  // decoupled
  int64_t step = 1;         // 1-based, for bias correction
  double grad_scale = 1;    // gradients are multiplied by it first (clipping)
};
// In place on weight, exp_avg, exp_avg_sq: all [N] fp32 of one device. As torch.optim.AdamW:
//   w -= lr * wd * w;  m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2;
//   w -= lr / (1 - b1^t) * m / (sqrt(v) / sqrt(1 - b2^t) + eps)
void adamw_(const at::Tensor& weight, const at::Tensor& grad, const at::Tensor& exp_avg,
            const at::Tensor& exp_avg_sq, const AdamwStep& step);

// sum(x^2) of a flat range, accumulated in fp64 on CPU and in fp32 blocks with an fp64 total on
// CUDA: [] fp64 on x's device.
at::Tensor squared_norm(const at::Tensor& flat);

}  // namespace llm::kernels
