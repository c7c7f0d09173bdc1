#include "kernels/cuda/attention.h"

#include "kernels/cuda/stub/no_cuda.h"

namespace llm::kernels::cuda {

AttentionOutput attention_forward(const at::Tensor&, const at::Tensor&, const at::Tensor&,
                                  const AttentionShape&) {
  fail_without_cuda("attention_forward");
}

void attention_backward(const at::Tensor&, const at::Tensor&, const at::Tensor&, const at::Tensor&,
                        const AttentionOutput&, const AttentionShape&, const AttentionGradients&) {
  fail_without_cuda("attention_backward");
}

at::Tensor attention_cached(const at::Tensor&, const at::Tensor&, const at::Tensor&, double) {
  fail_without_cuda("attention_cached");
}

}  // namespace llm::kernels::cuda
