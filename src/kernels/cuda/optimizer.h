// The CUDA implementation of (fp32 and bf16) llm/kernels/optimizer.h.
#pragma once

#include "llm/kernels/optimizer.h"

namespace llm::kernels::cuda {

void adamw_(const at::Tensor& weight, const at::Tensor& grad, const at::Tensor& exp_avg,
            const at::Tensor& exp_avg_sq, const AdamwStep& step);
at::Tensor squared_norm(const at::Tensor& flat);

}  // namespace llm::kernels::cuda
