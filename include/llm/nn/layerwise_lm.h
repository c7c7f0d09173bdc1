// The forward pass of a model that need not fit in memory: each block is read when its turn comes
// and dropped after it, of the embedding only the rows of the ids, and the head in parts, so one
// layer is in memory at a time. Several
// documents go through together, so that reading is shared; each has its own cache of keys and
// values. Equal to CausalLM::forward_cached on each document.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "llm/arch/model_config.h"
#include "llm/nn/kv_cache.h"
#include "llm/nn/rope_tables.h"

namespace llm::nn {

// Rows [first, first + count) of a parameter by its Hugging Face name (of a vector its elements),
// any dtype.
using WeightReader =
    std::function<at::Tensor(const std::string& name, int64_t first, int64_t count)>;

// Letters: T tokens of all documents, D hidden size, V vocabulary. Not thread-safe.
class LayerwiseLM {
 public:
  // Computes in fp32. A document holds at most `capacity` tokens.
  LayerwiseLM(arch::ModelConfig config, WeightReader read, int64_t num_documents, int64_t capacity,
              at::Device device);

  // The next ids of every document -> the hidden states of these ids after the final norm, the
  // documents back to back. Requires: one entry for each document, none empty; every id in [0, V).
  at::Tensor forward(const std::vector<std::vector<int32_t>>& ids);  // -> [T, D]
  // The logits of the ids [first_id, first_id + count): [T, D] -> [T, count] fp32.
  at::Tensor logits(const at::Tensor& hidden, int64_t first_id, int64_t count) const;

 private:
  at::Tensor embed(const std::vector<std::vector<int32_t>>& ids) const;  // -> [T, D]

  arch::ModelConfig config_;
  WeightReader read_;
  at::Device device_;
  std::vector<KvCache> caches_;
  RopeTables rope_;
};

}  // namespace llm::nn
