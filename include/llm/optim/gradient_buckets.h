// The trainable arena cut into buckets: ranges of whole leaves that ranks reduce while the backward
// pass goes on. The layout depends on the model and the bucket size alone, never on the number of
// ranks, so that the order of the sums of a run is known from its config.
#pragma once

#include <cstdint>
#include <vector>

#include "llm/dist/process_group.h"
#include "llm/tensor/parameter_store.h"

namespace llm::optim {

struct GradientBucket {
  int64_t offset = 0;  // elements from the arena's start
  int64_t numel = 0;   // alignment gaps included: they hold zeros
  // Complete once the backward pass of this layer is over (it goes from the last layer to the
  // first); -1: once the whole pass is.
  int64_t layer = -1;
};

// In the order of reduction: from the last layer to the first, what completes with the pass last.
// Neighbours in the arena that are complete at the same time share a bucket up to `bucket_bytes`; a
// larger leaf has a bucket of its own. The buckets cover the arena.
std::vector<GradientBucket> gradient_buckets(const tensor::ParameterStore& store,
                                             int64_t bucket_bytes);

// What this rank updates, by place: everything, or under `is_sharded` its shard of each bucket
// (dist::shard_range), so that all ranks together update everything once.
std::vector<tensor::ArenaRange> updated_ranges(const std::vector<GradientBucket>& buckets,
                                               const dist::ProcessGroup& group, bool is_sharded);

}  // namespace llm::optim
