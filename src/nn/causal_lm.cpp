#include "llm/nn/causal_lm.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "llm/arch/parameters.h"
#include "llm/arch/rope_frequencies.h"
#include "llm/core/check.h"
#include "llm/core/error.h"
#include "llm/kernels/rms_norm.h"
#include "nn/block.h"
#include "nn/embedding.h"

namespace llm::nn {

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
  sequence.attention = {input.cu_seqlens, input.max_seqlen,
                        attention_scale(impl_->config.head_dim)};
  at::Tensor x = embed(input.ids, impl_->embedding);  // [T, D]
  for (const Block& block : impl_->blocks) x = run_block(block, x, sequence, impl_->policy);
  return kernels::rms_norm(x, impl_->final_norm, impl_->config.rms_norm_eps);
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
    x = run_block_cached(blocks[layer], x, rotary, cache, static_cast<int64_t>(layer));
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
