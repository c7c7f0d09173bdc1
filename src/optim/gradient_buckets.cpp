#include "llm/optim/gradient_buckets.h"

#include <algorithm>
#include <map>

#include "llm/core/check.h"

namespace llm::optim {

namespace {

// The layer after whose backward a leaf's gradient is complete. What lies above the layers is
// complete before theirs; the embedding's (and so a tied head's) with the pass.
int64_t completing_layer(const arch::ParameterSpec& spec, int64_t last_layer) {
  if (spec.layer >= 0) return spec.layer;
  return spec.kind == arch::ParameterKind::kEmbedding ? kBelowLayers : last_layer;
}

int64_t last_layer_of(const tensor::ParameterStore& store) {
  int64_t last = kBelowLayers;
  for (const auto& parameter : store.parameters()) last = std::max(last, parameter.spec.layer);
  return last;
}

}  // namespace

std::vector<GradientBucket> gradient_buckets(const tensor::ParameterStore& store,
                                             int64_t bucket_bytes) {
  LLM_CHECK(bucket_bytes > 0);
  const auto element_bytes = static_cast<int64_t>(c10::elementSize(store.dtype()));
  const int64_t last_layer = last_layer_of(store);
  const auto& leaves = store.leaves();
  std::vector<GradientBucket> buckets;
  // Backwards, so that a bucket that takes in the next leaf completes with that leaf's layer.
  for (size_t i = leaves.size(); i-- > 0;) {
    const int64_t begin = leaves[i].offset;
    const int64_t end = i + 1 < leaves.size() ? leaves[i + 1].offset : store.arena_numel();
    const auto& spec = store.parameters()[leaves[i].parameter_indices.front()].spec;
    const int64_t layer = completing_layer(spec, last_layer);
    const bool joins =
        !buckets.empty() && buckets.back().offset == end &&
        (buckets.back().layer == kBelowLayers) == (layer == kBelowLayers) &&
        (buckets.back().offset + buckets.back().numel - begin) * element_bytes <= bucket_bytes;
    if (!joins) {
      buckets.push_back({begin, end - begin, layer});
      continue;
    }
    GradientBucket& bucket = buckets.back();
    bucket.numel += bucket.offset - begin;
    bucket.offset = begin;
    bucket.layer = std::min(bucket.layer, layer);
  }
  std::stable_sort(buckets.begin(), buckets.end(),
                   [](const auto& a, const auto& b) { return a.layer > b.layer; });
  return buckets;
}

namespace {

bool is_table(const arch::ParameterSpec& spec) {
  return spec.kind == arch::ParameterKind::kEmbedding || spec.kind == arch::ParameterKind::kHead;
}

int64_t place_of(const arch::ParameterSpec& spec) {
  if (spec.layer >= 0) return spec.layer;
  return spec.kind == arch::ParameterKind::kEmbedding ? kBelowLayers : kAboveLayers;
}

// Whether the leaf below a bucket belongs into it: the same layer's and the last layer's below the
// final norm always do, another layer's while there is room.
bool joins(const GradientBucket& bucket, const arch::ParameterSpec& spec, int64_t numel,
           int64_t most_numel) {
  if (bucket.is_table || is_table(spec)) return false;
  const int64_t place = place_of(spec);
  LLM_CHECK(place <= bucket.layer, "{} lies above what is used after it", spec.name);
  if (place == bucket.layer || bucket.layer == kAboveLayers) return true;
  return bucket.numel + numel <= most_numel;
}

// Elements of each layer.
std::map<int64_t, int64_t> layer_sizes(const tensor::ParameterStore& store) {
  std::map<int64_t, int64_t> sizes;
  for (const auto& parameter : store.parameters()) sizes[parameter.spec.layer] += parameter.numel;
  return sizes;
}

}  // namespace

std::vector<GradientBucket> layer_buckets(const tensor::ParameterStore& store,
                                          int64_t bucket_bytes) {
  LLM_CHECK(bucket_bytes > 0);
  const int64_t most = bucket_bytes / static_cast<int64_t>(c10::elementSize(store.dtype()));
  std::map<int64_t, int64_t> sizes = layer_sizes(store);
  const auto& leaves = store.leaves();
  std::vector<GradientBucket> buckets;
  bool has_head = false;
  for (size_t i = leaves.size(); i-- > 0;) {
    const int64_t begin = leaves[i].offset;
    const int64_t end = i + 1 < leaves.size() ? leaves[i + 1].offset : store.arena_numel();
    const auto& spec = store.parameters()[leaves[i].parameter_indices.front()].spec;
    has_head = has_head || spec.kind == arch::ParameterKind::kHead;
    if (buckets.empty() || !joins(buckets.back(), spec, sizes[spec.layer], most)) {
      const int64_t place = place_of(spec);
      const bool is_tied = place == kBelowLayers && !has_head;
      buckets.push_back(
          {begin, end - begin, place, is_tied ? kAboveLayers : place, is_table(spec)});
      continue;
    }
    GradientBucket& bucket = buckets.back();
    bucket.numel += bucket.offset - begin;
    bucket.offset = begin;
    bucket.layer = place_of(spec);
  }
  return buckets;
}

std::vector<tensor::ArenaRange> updated_ranges(const std::vector<GradientBucket>& buckets,
                                               const dist::ProcessGroup& group, bool is_sharded) {
  std::vector<tensor::ArenaRange> ranges;
  for (const GradientBucket& bucket : buckets) {
    const dist::Range own = is_sharded ? dist::shard_range(bucket.numel, group.size(), group.rank())
                                       : dist::Range{0, bucket.numel};
    if (own.size() > 0) ranges.push_back({bucket.offset + own.begin, own.size()});
  }
  std::sort(ranges.begin(), ranges.end(),
            [](const auto& a, const auto& b) { return a.offset < b.offset; });
  std::vector<tensor::ArenaRange> joined;
  for (const tensor::ArenaRange& range : ranges) {
    if (!joined.empty() && joined.back().end() == range.offset) {
      joined.back().numel += range.numel;
    } else {
      joined.push_back(range);
    }
  }
  return joined;
}

}  // namespace llm::optim
