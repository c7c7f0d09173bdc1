// What one micro-batch of training looks like: several rows laid end to end as one token stream
// with document borders. Letters: T tokens of the micro-batch (rows x context length), N capacity
// for documents.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace llm::data {

// A target that is not trained; the same value as kernels::kIgnoreTarget.
inline constexpr int64_t kIgnoreTarget = -100;

struct Batch {
  at::Tensor ids;          // [T] int32
  at::Tensor targets;      // [T] int64: the next token of the same document, kernels::kIgnoreTarget
                           // where none is trained
  at::Tensor positions;    // [T] int32, restart with every document
  at::Tensor cu_seqlens;   // [N + 1] int32, fixed capacity: the tail repeats T
  int64_t max_seqlen = 0;  // longest document piece
  int64_t num_documents = 0;  // pieces in the batch
  int64_t num_trained = 0;    // targets that are trained
  uint64_t noise_key = 0;     // of the step: what dropout and NEFTune draw from; 0: no noise
  at::Tensor answers;  // [T] bool: the target belongs to an answer; of preference pairs alone
  // Where documents continue the one before them (document_prefixes): the token in front of each
  // such document, which has a second target, its first id. Undefined: there is none.
  at::Tensor shared_rows;     // [E] int64
  at::Tensor shared_targets;  // [E] int64
  // On the host, [num_documents] each:
  std::vector<int32_t> document_lengths;
  std::vector<int32_t> document_prefixes;  // how many first tokens of the document before it it
                                           // continues; empty: none does
  std::vector<int32_t> document_targets;   // how many are trained
  std::vector<int32_t> document_answers;   // how many belong to an answer
  std::vector<int32_t> document_sources;   // where it came from: index into the run's sources
  std::vector<int64_t> document_samples;   // its index among all samples: keys noise
  std::vector<uint64_t> document_ids;      // hash of its content, for reports on a bad step

  int64_t num_tokens() const { return ids.size(0); }
  Batch to(at::Device device) const;
};

// A row before collation: one packed sample.
struct Row {
  std::vector<int32_t> ids;               // [T]
  std::vector<int64_t> targets;           // [T]
  std::vector<int32_t> document_lengths;  // sums to T
  std::vector<uint64_t> document_ids;     // one per piece
  std::vector<uint8_t> answers = {};      // [T] 0 or 1, or empty
  std::vector<int32_t> prefixes = {};     // one per piece, or empty: none continues another
  std::vector<int32_t> sources = {};      // one per piece, or empty: all 0
  std::vector<int64_t> samples = {};      // one per piece, or empty: the document ids
};

// Lays rows end to end. Requires: `document_capacity` >= the rows' document count; all rows have
// answers, or none has.
Batch collate(const std::vector<Row>& rows, int64_t document_capacity);

}  // namespace llm::data
