#include "llm/nn/layerwise_lm.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "llm/arch/parameters.h"
#include "llm/arch/rope_frequencies.h"
#include "llm/core/check.h"
#include "llm/kernels/rms_norm.h"
#include "llm/tensor/parameter_store.h"
#include "nn/block.h"

namespace llm::nn {

namespace {

std::vector<arch::ParameterSpec> specs_of_layer(const std::vector<arch::ParameterSpec>& all,
                                                int64_t layer) {
  std::vector<arch::ParameterSpec> specs;
  for (const arch::ParameterSpec& spec : all)
    if (spec.layer == layer) specs.push_back(spec);
  return specs;
}

}  // namespace

LayerwiseLM::LayerwiseLM(arch::ModelConfig config, WeightReader read, int64_t num_documents,
                         int64_t capacity, at::Device device)
    : config_(std::move(config)), read_(std::move(read)), device_(device), rope_(config_, device) {
  const auto options = at::TensorOptions().dtype(at::kFloat).device(device);
  for (int64_t i = 0; i < num_documents; ++i) caches_.emplace_back(config_, capacity, options);
}

at::Tensor LayerwiseLM::embed(const std::vector<std::vector<int32_t>>& ids) const {
  std::vector<at::Tensor> rows;  // each [1, D]
  for (const auto& document : ids)
    for (const int32_t id : document) rows.push_back(read_(arch::kEmbeddingName, id, 1));
  return at::cat(rows).to(device_, at::kFloat);
}

at::Tensor LayerwiseLM::forward(const std::vector<std::vector<int32_t>>& ids) {
  const at::NoGradGuard no_grad;
  LLM_CHECK(ids.size() == caches_.size(), "{} documents for {}", ids.size(), caches_.size());
  std::vector<std::vector<int32_t>> fed = ids;
  std::vector<RopeInput> rope;
  for (size_t i = 0; i < fed.size(); ++i) {
    KvCache& cache = caches_[i];
    LLM_CHECK(!ids[i].empty());
    const int64_t length = cache.length() + static_cast<int64_t>(ids[i].size());
    // Other frequencies in every layer: no cached key is right any more.
    if (cache.length() > 0 && arch::rope_depends_on_length(config_, length)) {
      fed[i].insert(fed[i].begin(), cache.ids().begin(), cache.ids().end());
      cache.truncate(0);
    }
    const at::Tensor positions = at::arange(length, at::TensorOptions(at::kInt).device(device_));
    rope.push_back(rope_.prepare(positions, {static_cast<int32_t>(length)}));
    rope.back().rows = rope.back().rows.slice(0, cache.length());
  }
  std::vector<int64_t> lengths;
  for (const auto& document : fed) lengths.push_back(static_cast<int64_t>(document.size()));
  std::vector<at::Tensor> x = embed(fed).split_with_sizes(lengths);  // each [t, D]
  const std::vector<arch::ParameterSpec> specs = arch::parameter_specs(config_);
  for (int64_t layer = 0; layer < config_.num_hidden_layers; ++layer) {
    tensor::ParameterStore store(specs_of_layer(specs, layer),
                                 {.device = device_, .trainable = false});
    for (const tensor::ParameterRange& parameter : store.parameters()) {
      const arch::ParameterSpec& spec = parameter.spec;
      store.weight(spec.name).copy_(read_(spec.name, 0, spec.shape[0]));
    }
    const Block block = make_block(config_, WeightFinder(store), layer);
    for (size_t i = 0; i < x.size(); ++i)
      x[i] = run_block_cached(block, x[i], rope[i], caches_[i], layer);
  }
  for (size_t i = 0; i < x.size(); ++i) {
    caches_[i].append_ids(fed[i]);
    x[i] = x[i].slice(0, x[i].size(0) - static_cast<int64_t>(ids[i].size()));
  }
  const at::Tensor norm =
      read_("model.norm.weight", 0, config_.hidden_size).to(device_, at::kFloat);  // [D]
  return kernels::rms_norm(at::cat(x), norm, config_.rms_norm_eps);
}

at::Tensor LayerwiseLM::logits(const at::Tensor& hidden, int64_t first_id, int64_t count) const {
  const at::NoGradGuard no_grad;
  const char* name = config_.tie_word_embeddings ? arch::kEmbeddingName : arch::kHeadName;
  return at::linear(hidden, read_(name, first_id, count).to(device_, at::kFloat));  // [T, count]
}

}  // namespace llm::nn
