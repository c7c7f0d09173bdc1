#include "llm/nn/kv_cache.h"

#include "llm/core/check.h"

namespace llm::nn {

KvCache::KvCache(const arch::ModelConfig& config, int64_t capacity,
                 const at::TensorOptions& options)
    : capacity_(capacity) {
  LLM_CHECK(capacity > 0);
  for (int64_t layer = 0; layer < config.num_hidden_layers; ++layer) {
    keys_.push_back(at::empty({capacity, config.num_key_value_heads, config.head_dim}, options));
    values_.push_back(at::empty_like(keys_.back()));
  }
}

void KvCache::truncate(int64_t length) {
  LLM_CHECK(length >= 0 && length <= this->length(), "truncate to {} of {}", length,
            this->length());
  ids_.resize(static_cast<size_t>(length));
}

void KvCache::write(int64_t layer, const at::Tensor& k, const at::Tensor& v) {
  const auto i = static_cast<size_t>(layer);
  LLM_CHECK(length() + k.size(0) <= capacity_, "{} + {} tokens exceed the cache's {}", length(),
            k.size(0), capacity_);
  keys_.at(i).narrow(0, length(), k.size(0)).copy_(k);
  values_.at(i).narrow(0, length(), v.size(0)).copy_(v);
}

at::Tensor KvCache::keys(int64_t layer, int64_t length) const {
  return keys_.at(static_cast<size_t>(layer)).narrow(0, 0, length);
}

at::Tensor KvCache::values(int64_t layer, int64_t length) const {
  return values_.at(static_cast<size_t>(layer)).narrow(0, 0, length);
}

void KvCache::append_ids(const std::vector<int32_t>& ids) {
  ids_.insert(ids_.end(), ids.begin(), ids.end());
}

}  // namespace llm::nn
