// The decoder-only transformer of Llama, Qwen2 and Qwen3: embedding, pre-norm blocks (attention,
// SwiGLU MLP), final norm.
//
// It returns hidden states; objectives, generation and evaluation borrow the head weight (design
// section 1.4), so that the [tokens, vocab] logits never exist as a whole. Weights belong to a
// ParameterStore, which must outlive the model. Letters: T tokens, D hidden size, V vocabulary.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "llm/arch/model_config.h"
#include "llm/nn/kv_cache.h"
#include "llm/nn/rope_tables.h"
#include "llm/tensor/parameter_store.h"

namespace llm::nn {

// What a block keeps for its backward (src/nn/block.h lists the tensors).
enum class RecomputePolicy {
  kSelective,  // norms, rotary embedding and SwiGLU are computed again, matrix products are not
  kBlock       // only the block's input is kept; its forward runs again
};

// A stream of packed documents. See data::Batch, which has the same fields.
struct ModelInput {
  at::Tensor ids;         // [T] int32
  at::Tensor positions;   // [T] int32
  at::Tensor cu_seqlens;  // [N + 1] int32
  int64_t max_seqlen = 0;
  std::vector<int32_t> document_lengths;  // on the host; without the capacity's empty tail
};

class CausalLM {
 public:
  // Requires: the store was made from arch::parameter_specs(config).
  CausalLM(arch::ModelConfig config, tensor::ParameterStore& store);
  ~CausalLM();

  const arch::ModelConfig& config() const;
  tensor::ParameterStore& store();
  void set_recompute(RecomputePolicy policy);

  // Hidden states after the final norm. Part of the autograd graph when gradients are on and the
  // store is trainable.
  at::Tensor forward(const ModelInput& input);  // -> [T, D]

  // The next `ids` of one sequence: appends to the cache and returns their hidden states, equal to
  // a full forward of the whole sequence. Where the rotary frequencies depend on the length
  // (dynamic NTK beyond the trained length) the sequence is computed anew. Requires: no gradients;
  // cache.length() + ids.size() <= cache.capacity(). Throws: DataError for an id outside the
  // vocabulary.
  at::Tensor forward_cached(const std::vector<int32_t>& ids, KvCache& cache);  // -> [T, D]

  at::Tensor head_weight() const;  // [V, D], the embedding when tied
  // Logits of some hidden states, for generation and evaluation: fp32.
  at::Tensor logits(const at::Tensor& hidden) const;  // [T, D] -> [T, V]

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// One sequence as a ModelInput.
ModelInput single_document(const std::vector<int32_t>& ids, at::Device device);

}  // namespace llm::nn
