// The trainable arena cut into buckets: ranges of whole leaves that ranks reduce while the backward
// pass goes on. The layout depends on the model and the bucket size alone, never on the number of
// ranks, so that the order of the sums of a run is known from its config.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "llm/dist/process_group.h"
#include "llm/tensor/parameter_store.h"

namespace llm::optim {

// Places beside the layers' numbers: the backward pass goes from above the layers to below them.
inline constexpr int64_t kAboveLayers = std::numeric_limits<int64_t>::max();  // head, final norm
inline constexpr int64_t kBelowLayers = -1;                                   // embedding

struct GradientBucket {
  int64_t offset = 0;  // elements from the arena's start
  int64_t numel = 0;   // alignment gaps included: they hold zeros
  // Complete once the backward pass of this layer is over (it goes from the last layer to the
  // first); kBelowLayers: once the whole pass is; kAboveLayers: when the last layer's begins.
  int64_t layer = kBelowLayers;
  // The first place that writes it.
  int64_t first_writer = kAboveLayers;
  bool is_table = false;  // the embedding or a head, alone
};

// In the order of reduction: from the last layer to the first, what completes with the pass last.
// Neighbours in the arena that are complete at the same time share a bucket up to `bucket_bytes`; a
// larger leaf has a bucket of its own. The buckets cover the arena.
std::vector<GradientBucket> gradient_buckets(const tensor::ParameterStore& store,
                                             int64_t bucket_bytes);

// The same of whole layers, for gradients that have a place during their backward alone: a layer is
// in one bucket, several are up to `bucket_bytes`; the final norm is in the last layer's, tables
// have buckets of their own. Without a head the embedding counts as tied: the head's product writes
// it first. Requires: leaves lie in the order of embedding, layers, what is above them.
std::vector<GradientBucket> layer_buckets(const tensor::ParameterStore& store,
                                          int64_t bucket_bytes);

// What this rank updates, by place: everything, or under `is_sharded` its shard of each bucket
// (dist::shard_range), so that all ranks together update everything once.
std::vector<tensor::ArenaRange> updated_ranges(const std::vector<GradientBucket>& buckets,
                                               const dist::ProcessGroup& group, bool is_sharded);

}  // namespace llm::optim
