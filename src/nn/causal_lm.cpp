#include "llm/nn/causal_lm.h"

#include <ATen/core/grad_mode.h>

#include <cmath>

#include "llm/arch/parameters.h"
#include "llm/arch/rope_frequencies.h"
#include "llm/core/check.h"
#include "llm/core/error.h"
#include "llm/kernels/rms_norm.h"
#include "llm/kernels/rope.h"
#include "llm/kernels/swiglu.h"
#include "nn/block.h"
#include "nn/embedding.h"

namespace llm::nn {

namespace {

at::Tensor optional_leaf(const tensor::ParameterStore& store, const std::string& name) {
  return store.has_leaf(name) ? store.leaf(name) : at::Tensor();
}

kernels::LinearWeight linear_weight(const tensor::ParameterStore& store,
                                    const std::string& prefix) {
  return {store.leaf(prefix + ".weight"), optional_leaf(store, prefix + ".bias")};
}

Block make_block(const arch::ModelConfig& config, const tensor::ParameterStore& store,
                 int64_t layer) {
  const std::string prefix = "model.layers." + std::to_string(layer) + ".";
  BlockWeights weights;
  weights.input_norm = store.leaf(prefix + "input_layernorm.weight");
  weights.qkv = linear_weight(store, prefix + "self_attn.qkv_proj");
  weights.q_norm = optional_leaf(store, prefix + "self_attn.q_norm.weight");
  weights.k_norm = optional_leaf(store, prefix + "self_attn.k_norm.weight");
  weights.output = linear_weight(store, prefix + "self_attn.o_proj");
  weights.post_norm = store.leaf(prefix + "post_attention_layernorm.weight");
  weights.gate_up = linear_weight(store, prefix + "mlp.gate_up_proj");
  weights.down = linear_weight(store, prefix + "mlp.down_proj");
  return {weights,
          {config.num_attention_heads, config.num_key_value_heads, config.head_dim,
           config.rms_norm_eps}};
}

}  // namespace

struct CausalLM::Impl {
  Impl(arch::ModelConfig c, tensor::ParameterStore& s)
      : config(std::move(c)), store(s), rope(config, s.device()) {
    embedding = s.leaf("model.embed_tokens.weight");
    for (int64_t layer = 0; layer < config.num_hidden_layers; ++layer) {
      blocks.push_back(make_block(config, s, layer));
    }
    final_norm = s.leaf("model.norm.weight");
    head = config.tie_word_embeddings ? embedding : s.leaf("lm_head.weight");
  }

  double attention_scale() const { return 1.0 / std::sqrt(static_cast<double>(config.head_dim)); }
  at::Tensor block_cached(const Block& block, int64_t layer, const at::Tensor& x,
                          const RopeInput& rotary, KvCache& cache) const;
  at::Tensor extend(const std::vector<int32_t>& ids, KvCache& cache);

  arch::ModelConfig config;
  tensor::ParameterStore& store;
  RopeTables rope;
  at::Tensor embedding;  // [V, D]
  std::vector<Block> blocks;
  at::Tensor final_norm;  // [D]
  at::Tensor head;        // [V, D]
  RecomputePolicy policy = RecomputePolicy::kSelective;
};

CausalLM::CausalLM(arch::ModelConfig config, tensor::ParameterStore& store)
    : impl_(std::make_unique<Impl>(std::move(config), store)) {}
CausalLM::~CausalLM() = default;

const arch::ModelConfig& CausalLM::config() const { return impl_->config; }
tensor::ParameterStore& CausalLM::store() { return impl_->store; }
void CausalLM::set_recompute(RecomputePolicy policy) { impl_->policy = policy; }
at::Tensor CausalLM::head_weight() const { return impl_->head; }

at::Tensor CausalLM::logits(const at::Tensor& hidden) const {
  return at::linear(hidden, impl_->head).to(at::kFloat);  // [T, V]
}

at::Tensor CausalLM::forward(const ModelInput& input) {
  SequenceContext sequence;
  sequence.rope = impl_->rope.prepare(input.positions, input.document_lengths);
  sequence.attention = {input.cu_seqlens, input.max_seqlen, impl_->attention_scale()};
  at::Tensor x = embed(input.ids, impl_->embedding);  // [T, D]
  for (const Block& block : impl_->blocks) x = run_block(block, x, sequence, impl_->policy);
  return kernels::rms_norm(x, impl_->final_norm, impl_->config.rms_norm_eps);
}

at::Tensor CausalLM::Impl::block_cached(const Block& block, int64_t layer, const at::Tensor& x,
                                        const RopeInput& rotary, KvCache& cache) const {
  const BlockWeights& w = block.weights;
  const int64_t tokens = x.size(0);
  const at::Tensor normed = kernels::rms_norm(x, w.input_norm, block.shape.eps);  // [T, D]
  const at::Tensor qkv =
      kernels::linear(normed, w.qkv).view({tokens, -1, block.shape.head_dim});  // [T, H+2Hkv, K]
  auto [q, k, v] = split_heads(qkv, block.shape);
  if (w.q_norm.defined()) {
    q = kernels::rms_norm(q, w.q_norm, block.shape.eps);
    k = kernels::rms_norm(k, w.k_norm, block.shape.eps);
  }
  kernels::rope_(q, rotary.table, rotary.rows);
  kernels::rope_(k, rotary.table, rotary.rows);
  cache.write(layer, k, v);
  const int64_t length = cache.length() + tokens;
  const at::Tensor attended = kernels::attention_cached(
      q, cache.keys(layer, length), cache.values(layer, length), attention_scale());
  const at::Tensor mid = x + kernels::linear(attended.reshape({tokens, -1}), w.output);  // [T, D]
  const at::Tensor gate_up =
      kernels::linear(kernels::rms_norm(mid, w.post_norm, block.shape.eps), w.gate_up);  // [T, 2F]
  return mid + kernels::linear(kernels::swiglu(gate_up), w.down);
}

at::Tensor CausalLM::Impl::extend(const std::vector<int32_t>& ids, KvCache& cache) {
  const auto tokens = static_cast<int64_t>(ids.size());
  const int64_t length = cache.length() + tokens;
  const auto int_options = at::TensorOptions().dtype(at::kInt).device(store.device());
  const at::Tensor all_positions = at::arange(length, int_options);  // [S]
  RopeInput rotary = rope.prepare(all_positions, {static_cast<int32_t>(length)});
  rotary.rows = rotary.rows.narrow(0, cache.length(), tokens);
  at::Tensor x = embed(at::tensor(ids, at::kInt).to(store.device()), embedding);  // [T, D]
  for (size_t layer = 0; layer < blocks.size(); ++layer) {
    x = block_cached(blocks[layer], static_cast<int64_t>(layer), x, rotary, cache);
  }
  cache.append_ids(ids);
  return kernels::rms_norm(x, final_norm, config.rms_norm_eps);
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
