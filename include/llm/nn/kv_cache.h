// Keys and values of the tokens seen so far, per layer, for decoding one sequence.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "llm/arch/model_config.h"

namespace llm::nn {

// Letters: S capacity in tokens, Hkv kv heads, K head dim. Not thread-safe.
class KvCache {
 public:
  KvCache(const arch::ModelConfig& config, int64_t capacity, const at::TensorOptions& options);

  int64_t length() const { return static_cast<int64_t>(ids_.size()); }
  int64_t capacity() const { return capacity_; }
  // Forgets everything after the first `length` tokens.
  void truncate(int64_t length);
  const std::vector<int32_t>& ids() const { return ids_; }

  // Used by CausalLM: write rows [length, length + T) of a layer, view the first `length + T`, then
  // append the ids once.
  void write(int64_t layer, const at::Tensor& k, const at::Tensor& v);  // [T, Hkv, K] x 2
  at::Tensor keys(int64_t layer, int64_t length) const;                 // [length, Hkv, K]
  at::Tensor values(int64_t layer, int64_t length) const;               // [length, Hkv, K]
  void append_ids(const std::vector<int32_t>& ids);

 private:
  int64_t capacity_;
  std::vector<at::Tensor> keys_, values_;  // per layer [S, Hkv, K]
  std::vector<int32_t> ids_;
};

}  // namespace llm::nn
