// One forward and backward pass of a TinyAdapter over packed documents.
#pragma once

#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <vector>

#include "llm/kernels/backend.h"
#include "support/tiny_adapter.h"

namespace llm::test {

// Documents in one stream; `first_sample` numbers them for the noise.
inline nn::ModelInput stream_of(const std::vector<std::vector<int32_t>>& documents,
                                uint64_t key = 0, int64_t first_sample = 0) {
  std::vector<int32_t> ids, positions, borders{0};
  std::vector<int64_t> tokens;
  nn::ModelInput input;
  for (size_t i = 0; i < documents.size(); ++i) {
    for (size_t p = 0; p < documents[i].size(); ++p) {
      ids.push_back(documents[i][p]);
      positions.push_back(static_cast<int32_t>(p));
      tokens.push_back((first_sample + static_cast<int64_t>(i)) * 1000 + static_cast<int64_t>(p));
    }
    const auto length = static_cast<int32_t>(documents[i].size());
    borders.push_back(borders.back() + length);
    input.document_lengths.push_back(length);
    input.max_seqlen = std::max<int64_t>(input.max_seqlen, length);
  }
  input.ids = at::tensor(ids, at::kInt);
  input.positions = at::tensor(positions, at::kInt);
  input.cu_seqlens = at::tensor(borders, at::kInt);
  input.noise = {key, at::tensor(tokens, at::kLong)};
  return input;
}

inline std::vector<std::vector<int32_t>> two_documents(const arch::ModelConfig& config) {
  return {test::random_ids(9, config.vocab_size, 1), test::random_ids(5, config.vocab_size, 2)};
}

inline at::Tensor upstream_of(const at::Tensor& hidden) {
  return at::linspace(-1, 1, hidden.numel(), hidden.options().requires_grad(false))
      .view_as(hidden)
      .contiguous();
}

inline double difference(const at::Tensor& a, const at::Tensor& b) {
  return ((a - b).norm() / b.norm()).item<double>();
}

inline at::Tensor hidden_of(nn::CausalLM& model, const nn::ModelInput& input) {
  const at::NoGradGuard no_grad;
  return model.forward(input);
}

struct TrainedPass {
  at::Tensor hidden, flat;
};

inline TrainedPass train_once(TinyAdapter& tiny, const nn::ModelInput& input,
                              kernels::Backend backend = kernels::Backend::kFused) {
  const kernels::BackendGuard guard(backend);
  tiny.adapter->zero_gradients();
  const at::Tensor hidden = tiny.model->forward(input);
  torch::autograd::backward({hidden}, {upstream_of(hidden)});
  return {hidden.detach().clone(), tiny.adapter->flat_gradients().clone()};
}

// W += scale * B A.
inline void merge_into(const TinyAdapter& tiny, tensor::ParameterStore& dense) {
  const at::NoGradGuard no_grad;
  for (const arch::LoraModule& module : tiny.layout.modules) {
    const at::Tensor a = tiny.adapter->weight(module.name + ".lora_A.weight");
    const at::Tensor b = tiny.adapter->weight(module.name + ".lora_B.weight");
    dense.weight(module.weight_name()).add_(at::mm(b, a), module.scale);
  }
}

}  // namespace llm::test
