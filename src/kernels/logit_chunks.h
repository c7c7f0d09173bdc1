// The walk of linear_logprob over its trained tokens: gathers them, computes one chunk's logits at
// a time. Letters: T tokens, N trained tokens, C chunk, D model
// dim, V vocabulary.
#pragma once

#include <ATen/ATen.h>

#include <algorithm>
#include <cstdint>

#include "kernels/gemm.h"
#include "kernels/softmax_rows.h"

namespace llm::kernels {

struct LogitChunk {
  int64_t begin = 0;  // first trained token
  int64_t count = 0;  // C
  at::Tensor hidden;  // [C, D]
  LogitRows rows;     // logits [C, V] and targets [C]
};

class LogitChunks {
 public:
  // chunk_tokens 0: chosen so that the logits fit a budget. Throws ContractViolation for a target
  // outside the vocabulary (host targets only; device targets are trusted).
  LogitChunks(const at::Tensor& hidden, const at::Tensor& weight, const at::Tensor& targets,
              int64_t chunk_tokens);

  int64_t num_trained() const { return targets_.size(0); }

  // body(const LogitChunk&); the chunk's logits are gone after it returns.
  template <class Body>
  void for_each(const Body& body) const;

  // Values per trained token [N] or [N, D] -> per token [T] or [T, D], zero for ignored ones.
  at::Tensor spread(const at::Tensor& values) const;
  // The other way.
  at::Tensor gather(const at::Tensor& values) const;

 private:
  at::Tensor hidden_;   // [T, D]
  at::Tensor weight_;   // [V, D]
  at::Tensor index_;    // [N] int64, undefined when every token is trained
  at::Tensor targets_;  // [N] int64
  int64_t chunk_ = 0;
};

template <class Body>
void LogitChunks::for_each(const Body& body) const {
  const int64_t total = num_trained();
  if (total == 0) return;
  for (int64_t begin = 0; begin < total; begin += chunk_) {
    LogitChunk chunk;
    chunk.begin = begin;
    chunk.count = std::min(chunk_, total - begin);
    chunk.hidden = index_.defined() ? hidden_.index_select(0, index_.narrow(0, begin, chunk.count))
                                    : hidden_.narrow(0, begin, chunk.count);
    chunk.rows = {product_transposed_fp32(chunk.hidden, weight_),
                  targets_.narrow(0, begin, chunk.count)};
    body(chunk);
  }
}

}  // namespace llm::kernels
