#include "llm/objectives/objective.h"

#include <ATen/ATen.h>

#include "llm/core/rng.h"

namespace llm::objectives {

namespace {

// What a token is, wherever it lies: its sample and its place in it.
at::Tensor token_keys(const data::Batch& batch) {
  at::Tensor keys = at::empty({batch.num_tokens()}, at::kLong);  // [T]
  auto* key = keys.mutable_data_ptr<int64_t>();
  for (size_t d = 0; d < batch.document_lengths.size(); ++d) {
    const auto sample = static_cast<uint64_t>(batch.document_samples[d]);
    for (int32_t position = 0; position < batch.document_lengths[d]; ++position) {
      *key++ = static_cast<int64_t>(core::mix_seed(sample, static_cast<uint64_t>(position)));
    }
  }
  return keys;
}

// What each document continues of the one before it.
std::vector<kernels::TokenSpan> prefixes_of(const data::Batch& batch) {
  std::vector<kernels::TokenSpan> prefixes;
  int32_t before = 0, begin = 0;
  for (size_t d = 0; d < batch.document_prefixes.size(); ++d) {
    prefixes.push_back({before, batch.document_prefixes[d]});
    before = begin;
    begin += batch.document_lengths[d];
  }
  return prefixes;
}

}  // namespace

nn::ModelInput model_input(const data::Batch& batch) {
  nn::ModelInput input{.ids = batch.ids,
                       .positions = batch.positions,
                       .cu_seqlens = batch.cu_seqlens,
                       .max_seqlen = batch.max_seqlen,
                       .document_lengths = batch.document_lengths,
                       .prefixes = prefixes_of(batch)};
  if (batch.noise_key != 0) input.noise = {batch.noise_key, token_keys(batch)};
  return input;
}

}  // namespace llm::objectives
