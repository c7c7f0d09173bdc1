// The decoder-only transformer of Llama, Qwen2 and Qwen3: embedding, pre-norm blocks (attention,
// SwiGLU MLP), final norm.
//
// It returns hidden states; objectives, generation and evaluation borrow the head weight (design
// section 1.4), so that the [tokens, vocab] logits never exist as a whole. Weights belong to a
// ParameterStore, which must outlive the model. Letters: T tokens, D hidden size, V vocabulary.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "llm/arch/model_config.h"
#include "llm/kernels/attention.h"
#include "llm/kernels/dropout.h"
#include "llm/nn/kv_cache.h"
#include "llm/nn/lora.h"
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
  // What each document continues (kernels/attention.h), or empty: nothing. Its positions go on from
  // the prefix's. Requires: rotary frequencies that do not depend on the length.
  std::vector<kernels::TokenSpan> prefixes = {};
  // Training only; without a key there is neither dropout nor NEFTune.
  kernels::NoiseContext noise = {};
  // NEFTune (Jain et al., arXiv 2310.05914): embeddings += U(-1, 1) * alpha / sqrt(L D), L the
  // document's length. 0: none.
  double neftune_alpha = 0;
  // Called before every layer. What it throws ends the pass: the way to stop long work.
  std::function<void()> on_layer = {};
};

// Is told about the backward pass, inside it and in the thread that runs it, with a layer's number;
// the last layer comes first. Of kernels::Backend::kFused alone. Empty functions are not called.
struct BackwardObserver {
  // Before the first gradient of that layer's weights is written; those above the layers (final
  // norm, head) are complete by the first call.
  std::function<void(int64_t layer)> layer_begins = {};
  // When the gradients of that layer's weights are complete in their buffers. The embedding's are
  // when the backward pass returns.
  std::function<void(int64_t layer)> layer_done = {};
};

class CausalLM {
 public:
  // Requires: the store was made from arch::parameter_specs(config); a frozen one holds its weights
  // already. A store of half precision is computed with in fp32 on CPU: matrices stay as stored,
  // vectors are copied.
  //
  // With an adapter the base is frozen, and what the adapter stores whole replaces the base's leaf:
  // tables (also with more rows: a vocabulary that grew), norms, matrices (of q, k, v or gate, up
  // all together). The adapter's stores must outlive the model, its layout need not. Throws:
  // ConfigError for saved parts of a fused matrix, for tables of different sizes, and for a
  // trainable update of lm_head, whose gradient objectives cannot reach through head_weight().
  CausalLM(arch::ModelConfig config, tensor::ParameterStore& store,
           const LoraWeights* lora = nullptr);
  ~CausalLM();

  // Of the model as it is with its adapter: vocab_size is its tables', and a saved head is not
  // tied.
  const arch::ModelConfig& config() const;
  tensor::ParameterStore& store();            // the base's
  tensor::ParameterStore& trainable_store();  // the adapter's when there is one
  at::ScalarType compute_dtype() const;       // of activations, and so of a KvCache
  void set_recompute(RecomputePolicy policy);

  void set_backward_observer(BackwardObserver observer);

  // Off: the model computes as its base does, for reference log-probabilities. Requires: an
  // adapter. Throws: ConfigError where the vocabulary grew, for then the base is no model of it.
  void set_adapters_enabled(bool enabled);

  // Hidden states after the final norm. Part of the autograd graph when gradients are on and the
  // store is trainable or an adapter is enabled.
  at::Tensor forward(const ModelInput& input);  // -> [T, D]

  // The next `ids` of one sequence: appends to the cache and returns their hidden states, equal to
  // a full forward of the whole sequence. Where the rotary frequencies depend on the length
  // (dynamic NTK beyond the trained length) the sequence is computed anew. Requires: no gradients;
  // cache.length() + ids.size() <= cache.capacity(). Throws: DataError for an id outside the
  // vocabulary.
  at::Tensor forward_cached(const std::vector<int32_t>& ids, KvCache& cache);  // -> [T, D]

  // [V, D], the embedding when tied; with an update of lm_head W + scale * B A, formed by each
  // call.
  at::Tensor head_weight() const;
  // Logits of some hidden states, for generation and evaluation: fp32.
  at::Tensor logits(const at::Tensor& hidden) const;  // [T, D] -> [T, V]

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// One sequence as a ModelInput.
ModelInput single_document(const std::vector<int32_t>& ids, at::Device device);

}  // namespace llm::nn
