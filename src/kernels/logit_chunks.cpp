#include "kernels/logit_chunks.h"

#include <vector>

#include "llm/core/check.h"
#include "llm/kernels/linear_logprob.h"

namespace llm::kernels {
namespace {

// Bytes of one chunk's logits: large enough for efficient products, small beside the model.
constexpr int64_t kCpuBudget = 96LL << 20;
constexpr int64_t kCudaBudget = 1LL << 30;
constexpr int64_t kGranularity = 64;  // tokens

int64_t largest_chunk(bool on_cuda, int64_t vocabulary) {
  const int64_t budget = on_cuda ? kCudaBudget : kCpuBudget;
  const int64_t tokens = budget / (vocabulary * static_cast<int64_t>(sizeof(float)));
  return std::max(tokens / kGranularity, int64_t{1}) * kGranularity;
}

// Chunks of nearly one size, none above `limit`.
int64_t balanced_chunk(int64_t total, int64_t limit) {
  const int64_t chunks = std::max((total + limit - 1) / limit, int64_t{1});
  return (total + chunks - 1) / chunks;
}

std::vector<int64_t> trained_positions(const at::Tensor& targets, int64_t vocabulary) {
  std::vector<int64_t> positions;
  const int64_t* target = targets.const_data_ptr<int64_t>();
  for (int64_t t = 0; t < targets.size(0); ++t) {
    if (target[t] == kIgnoreTarget) continue;
    LLM_CHECK(target[t] >= 0 && target[t] < vocabulary, "target {} at {} of a vocabulary of {}",
              target[t], t, vocabulary);
    positions.push_back(t);
  }
  return positions;
}

at::Tensor trained_index(const at::Tensor& targets, int64_t vocabulary) {
  if (!targets.is_cpu()) return at::nonzero(targets != kIgnoreTarget).squeeze(1);
  const std::vector<int64_t> positions = trained_positions(targets, vocabulary);
  return at::tensor(positions, at::kLong);
}

}  // namespace

int64_t logit_chunk_bytes(int64_t num_trained, int64_t vocab_size, bool on_cuda) {
  return balanced_chunk(num_trained, largest_chunk(on_cuda, vocab_size)) * vocab_size *
         static_cast<int64_t>(sizeof(float));
}

LogitChunks::LogitChunks(const at::Tensor& hidden, const at::Tensor& weight,
                         const at::Tensor& targets, int64_t chunk_tokens)
    : hidden_(hidden), weight_(weight) {
  LLM_CHECK(hidden.dim() == 2 && weight.dim() == 2 && hidden.size(1) == weight.size(1));
  LLM_CHECK(targets.dim() == 1 && targets.size(0) == hidden.size(0) && targets.is_contiguous() &&
                targets.scalar_type() == at::kLong,
            "targets must be [{}] int64", hidden.size(0));
  const at::Tensor index = trained_index(targets, weight.size(0));
  const bool all = index.size(0) == targets.size(0);
  targets_ = (all ? targets : targets.index_select(0, index)).to(hidden.device());
  if (!all) index_ = index.to(hidden.device());
  chunk_ = balanced_chunk(num_trained(), chunk_tokens > 0
                                             ? chunk_tokens
                                             : largest_chunk(hidden.is_cuda(), weight.size(0)));
}

at::Tensor LogitChunks::spread(const at::Tensor& values) const {
  if (!index_.defined()) return values;
  std::vector<int64_t> sizes = values.sizes().vec();
  sizes[0] = hidden_.size(0);
  return at::zeros(sizes, values.options()).index_copy_(0, index_, values);
}

at::Tensor LogitChunks::gather(const at::Tensor& values) const {
  return index_.defined() ? values.index_select(0, index_) : values;
}

}  // namespace llm::kernels
