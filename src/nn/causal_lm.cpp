#include "llm/nn/causal_lm.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <utility>

#include "llm/arch/parameters.h"
#include "llm/arch/rope_frequencies.h"
#include "llm/core/check.h"
#include "llm/core/error.h"
#include "llm/kernels/rms_norm.h"
#include "nn/embedding.h"
#include "nn/model_weights.h"

namespace llm::nn {

struct CausalLM::Impl {
  Impl(arch::ModelConfig c, tensor::ParameterStore& s, const LoraWeights* lora)
      : config(std::move(c)),
        store(s),
        adapter(lora ? &lora->store : nullptr),
        compute_type(WeightFinder(s).compute_type()),
        rope(config, s.device()),
        weights(gather_weights(config, s, lora)) {
    if (!lora) return;
    LLM_CHECK(!s.trainable(), "the base of an adapter is frozen");
    inactive = gather_weights(config, s, nullptr);
    config = adapted_config(std::move(config), weights);
  }

  at::Tensor extend(const std::vector<int32_t>& ids, KvCache& cache);

  arch::ModelConfig config;
  tensor::ParameterStore& store;
  tensor::ParameterStore* adapter;
  at::ScalarType compute_type;
  RopeTables rope;
  ModelWeights weights;   // what is computed with
  ModelWeights inactive;  // with an adapter: the model without it, or with it while it is off
  bool adapter_on = true;
  RecomputePolicy policy = RecomputePolicy::kSelective;
  BackwardObserver observer;
};

CausalLM::CausalLM(arch::ModelConfig config, tensor::ParameterStore& store, const LoraWeights* lora)
    : impl_(std::make_unique<Impl>(std::move(config), store, lora)) {}
CausalLM::~CausalLM() = default;

const arch::ModelConfig& CausalLM::config() const { return impl_->config; }
tensor::ParameterStore& CausalLM::store() { return impl_->store; }
tensor::ParameterStore& CausalLM::trainable_store() {
  return impl_->adapter ? *impl_->adapter : impl_->store;
}
at::ScalarType CausalLM::compute_dtype() const { return impl_->compute_type; }
void CausalLM::set_recompute(RecomputePolicy policy) { impl_->policy = policy; }
void CausalLM::set_backward_observer(BackwardObserver observer) {
  impl_->observer = std::move(observer);
}

void CausalLM::set_adapters_enabled(bool enabled) {
  LLM_CHECK(impl_->adapter, "the model has no adapter");
  if (enabled == impl_->adapter_on) return;
  const int64_t rows = impl_->weights.embedding.size(0);
  const int64_t other_rows = impl_->inactive.embedding.size(0);
  if (rows != other_rows) {
    throw core::ConfigError({.where = "adapter",
                             .expected = "the base's vocabulary, to compute without the adapter",
                             .got = fmt::format("tables of {} and {} rows", rows, other_rows),
                             .hint = "Extend the base's vocabulary first."});
  }
  std::swap(impl_->weights, impl_->inactive);
  impl_->adapter_on = enabled;
}

at::Tensor CausalLM::head_weight() const {
  const kernels::LinearWeight& head = impl_->weights.head;
  if (head.updates.empty()) return head.weight;
  const at::NoGradGuard no_grad;
  const kernels::LowRankUpdate& update = head.updates[0];
  return at::addmm(head.weight.to(update.b.scalar_type()), update.b, update.a, 1, update.scale);
}

at::Tensor CausalLM::logits(const at::Tensor& hidden) const {
  return kernels::linear(hidden, impl_->weights.head).to(at::kFloat);  // [T, V]
}

// How far the positions of each document reach.
std::vector<int32_t> position_reach(const ModelInput& input, const arch::ModelConfig& config) {
  std::vector<int32_t> reach = input.document_lengths;
  LLM_CHECK(input.prefixes.empty() || input.prefixes.size() == reach.size());
  for (size_t i = 0; i < input.prefixes.size(); ++i) {
    reach[i] += input.prefixes[i].length;
    LLM_CHECK(input.prefixes[i].length == 0 || !arch::rope_depends_on_length(config, reach[i]),
              "a prefix of another length has other rotary frequencies");
  }
  return reach;
}

at::Tensor CausalLM::forward(const ModelInput& input) {
  const kernels::NoiseContext& noise = input.noise;
  LLM_CHECK(!noise.on() || noise.tokens.numel() == input.ids.numel(), "noise for {} of {} tokens",
            noise.tokens.numel(), input.ids.numel());
  SequenceContext sequence;
  sequence.rope = impl_->rope.prepare(input.positions, position_reach(input, impl_->config));
  sequence.attention = {input.cu_seqlens, input.max_seqlen, attention_scale(impl_->config.head_dim),
                        input.prefixes};
  sequence.noise = noise;
  sequence.observer = impl_->observer;
  const ModelWeights& weights = impl_->weights;
  at::Tensor x = embed(input.ids, weights.embedding, impl_->compute_type);  // [T, D]
  if (noise.on() && input.neftune_alpha != 0) add_neftune_(x, input);
  // Below a frozen embedding nothing needs gradients: the graph starts here.
  if (impl_->adapter && impl_->adapter_on && at::GradMode::is_enabled() && !x.requires_grad())
    x.requires_grad_();
  for (const Block& block : weights.blocks) {
    if (input.on_layer) input.on_layer();
    x = run_block(block, x, sequence, impl_->policy);
  }
  return kernels::rms_norm(x, weights.final_norm, impl_->config.rms_norm_eps);
}

at::Tensor CausalLM::Impl::extend(const std::vector<int32_t>& ids, KvCache& cache) {
  const auto tokens = static_cast<int64_t>(ids.size());
  const int64_t length = cache.length() + tokens;
  const auto int_options = at::TensorOptions().dtype(at::kInt).device(store.device());
  const at::Tensor all_positions = at::arange(length, int_options);  // [S]
  RopeInput rotary = rope.prepare(all_positions, {static_cast<int32_t>(length)});
  rotary.rows = rotary.rows.narrow(0, cache.length(), tokens);
  at::Tensor x = embed(at::tensor(ids, at::kInt).to(store.device()), weights.embedding,
                       compute_type);  // [T, D]
  for (size_t layer = 0; layer < weights.blocks.size(); ++layer) {
    x = run_block_cached(weights.blocks[layer], x, rotary, cache, static_cast<int64_t>(layer));
  }
  cache.append_ids(ids);
  return kernels::rms_norm(x, weights.final_norm, config.rms_norm_eps);
}

at::Tensor CausalLM::forward_cached(const std::vector<int32_t>& ids, KvCache& cache) {
  const at::NoGradGuard no_grad;
  LLM_CHECK(!ids.empty());
  for (const int32_t id : ids) {
    if (id < 0 || id >= impl_->config.vocab_size) {
      throw core::DataError(
          {"token ids", fmt::format("ids from 0 to {}", impl_->config.vocab_size - 1),
           std::to_string(id), "The tokenizer and the model do not belong together"});
    }
  }
  const auto tokens = static_cast<int64_t>(ids.size());
  const int64_t length = cache.length() + tokens;
  if (cache.length() == 0 || !arch::rope_depends_on_length(impl_->config, length))
    return impl_->extend(ids, cache);
  // Another length means other frequencies in every layer, so that no cached key or value is right
  // any more.
  std::vector<int32_t> all = cache.ids();
  all.insert(all.end(), ids.begin(), ids.end());
  cache.truncate(0);
  return impl_->extend(all, cache).narrow(0, length - tokens, tokens);
}

ModelInput single_document(const std::vector<int32_t>& ids, at::Device device) {
  const auto tokens = static_cast<int32_t>(ids.size());
  const auto int_options = at::TensorOptions().dtype(at::kInt).device(device);
  return {at::tensor(ids, at::kInt).to(device),
          at::arange(tokens, int_options),
          at::tensor({0, tokens}, at::kInt).to(device),
          tokens,
          {tokens}};
}

}  // namespace llm::nn
