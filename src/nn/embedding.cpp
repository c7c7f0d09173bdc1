#include "nn/embedding.h"

#include <torch/csrc/autograd/custom_function.h>

#include <cmath>
#include <vector>

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

at::Tensor embed(const at::Tensor& ids, const at::Tensor& table, at::ScalarType type) {
  const bool direct = at::GradMode::is_enabled() && table.requires_grad() &&
                      table.grad().defined() && kernels::backend() == kernels::Backend::kFused;
  return (direct ? EmbeddingFunction::apply(table, ids) : at::embedding(table, ids)).to(type);
}

void add_neftune_(const at::Tensor& x, const ModelInput& input) {
  constexpr uint64_t kStream = 0x6E656674756E65;  // no module's: "neftune"
  std::vector<float> scales;
  scales.reserve(static_cast<size_t>(x.size(0)));
  for (const int32_t length : input.document_lengths) {
    const double cells = static_cast<double>(length) * static_cast<double>(x.size(1));
    scales.insert(scales.end(), static_cast<size_t>(length),
                  static_cast<float>(input.neftune_alpha / std::sqrt(cells)));
  }
  const at::Tensor column = at::tensor(scales, at::kFloat).to(x.options()).unsqueeze(1);  // [T, 1]
  x.add_(kernels::uniform_noise(input.noise, kStream, x.size(1), x.options()).mul_(column));
}

}  // namespace llm::nn
