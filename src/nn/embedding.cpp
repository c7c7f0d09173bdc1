#include "nn/embedding.h"

#include <torch/csrc/autograd/custom_function.h>

#include "llm/kernels/backend.h"

namespace llm::nn {

namespace {

struct EmbeddingFunction : torch::autograd::Function<EmbeddingFunction> {
  static at::Tensor forward(torch::autograd::AutogradContext* ctx, const at::Tensor& table,
                            const at::Tensor& ids) {
    ctx->save_for_backward({table, ids});
    return at::embedding(table, ids);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx,
                                                 torch::autograd::variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    saved[0].grad().index_add_(0, saved[1], grads[0]);
    // An undefined gradient: the leaf's own accumulation has nothing to add.
    return {at::Tensor(), at::Tensor()};
  }
};

}  // namespace

at::Tensor embed(const at::Tensor& ids, const at::Tensor& table) {
  const bool direct = at::GradMode::is_enabled() && table.requires_grad() &&
                      table.grad().defined() && kernels::backend() == kernels::Backend::kFused;
  return direct ? EmbeddingFunction::apply(table, ids) : at::embedding(table, ids);
}

}  // namespace llm::nn
