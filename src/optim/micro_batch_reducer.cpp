#include "optim/micro_batch_reducer.h"

#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "llm/core/check.h"

namespace llm::optim {

MicroBatchReducer::MicroBatchReducer(tensor::ParameterStore& store, dist::ProcessGroup& group,
                                     const ReductionOptions& options, int64_t rounds)
    : GradientReducer(store, group, options),
      wire_(group, options.dtype),
      slots_(buckets_, store.flat_weights().options(),
             [this](size_t bucket, const GradientTransfer& transfer) {
               keep_shard(bucket, transfer);
             }),
      rounds_(rounds) {}

void MicroBatchReducer::begin_step(int64_t step, int64_t micro_batches) {
  LLM_CHECK(!is_open_ && slots_.is_empty() && micro_batches <= rounds_);
  step_ = step;
  round_ = 0;
}

// A tied embedding before the last round.
bool MicroBatchReducer::goes_early(size_t bucket) const {
  return buckets_[bucket].first_writer == kAboveLayers && buckets_[bucket].layer == kBelowLayers &&
         !is_last_round();
}

int64_t MicroBatchReducer::completing_place(size_t bucket) const {
  return goes_early(bucket) ? kAboveLayers : buckets_[bucket].layer;
}

void MicroBatchReducer::begin_micro_batch() {
  is_open_ = true;
  launched_ = 0;
  order_.resize(buckets_.size());
  std::iota(order_.begin(), order_.end(), size_t{0});
  std::stable_partition(order_.begin(), order_.end(),
                        [this](size_t bucket) { return goes_early(bucket); });
  hold_written_from(kAboveLayers);
}

void MicroBatchReducer::hold(size_t bucket) {
  if (slots_.is_held(bucket)) return;
  const GradientBucket& place = buckets_[bucket];
  store_.place_gradients({place.offset, place.numel}, slots_.take(bucket));
}

// What is written from there on and was not sent yet. Tables first, for one buffer alone is theirs.
void MicroBatchReducer::hold_written_from(int64_t place) {
  for (const bool are_tables : {true, false}) {
    for (size_t i = launched_; i < order_.size(); ++i) {
      const GradientBucket& bucket = buckets_[order_[i]];
      if (bucket.is_table == are_tables && bucket.first_writer >= place) hold(order_[i]);
    }
  }
}

void MicroBatchReducer::layer_begins(int64_t layer) {
  if (!is_open_) return;
  launch_until(kAboveLayers);
  hold_written_from(layer);
}

void MicroBatchReducer::layer_done(int64_t layer) {
  if (!is_open_) return;
  launch_until(layer);
  // Below the first layer the embedding is written, again if it is tied.
  if (layer > 0 || buckets_.back().layer != kBelowLayers) return;
  hold(buckets_.size() - 1);
}

void MicroBatchReducer::end_micro_batch() {
  launch_until(kBelowLayers);
  is_open_ = false;
  ++round_;
}

void MicroBatchReducer::launch_until(int64_t completed_place) {
  while (launched_ < order_.size() && completing_place(order_[launched_]) >= completed_place)
    launch(order_[launched_++]);
}

void MicroBatchReducer::launch(size_t bucket) {
  hold(bucket);
  const GradientBucket& place = buckets_[bucket];
  store_.place_gradients({place.offset, place.numel}, at::Tensor());
  const std::string label =
      fmt::format("gradient bucket {} of micro-batch {} of step {}", bucket, round_ + 1, step_);
  slots_.send(bucket,
              wire_.reduce_scatter(slots_.gradients(bucket), {dist::Payload::kGradient, label}));
}

void MicroBatchReducer::keep_shard(size_t bucket, const GradientTransfer& transfer) {
  const dist::Range own = own_shard(buckets_[bucket]);
  const at::Tensor sums = GradientWire::sums(transfer, own);
  if (own.size() == 0) return;
  const at::NoGradGuard no_grad;
  store_.gradients_of({buckets_[bucket].offset + own.begin, own.size()}).add_(sums);
}

void MicroBatchReducer::finish_step() {
  while (round_ < rounds_) {
    begin_micro_batch();
    end_micro_batch();
  }
  slots_.retire_all();
  LLM_CHECK(slots_.is_empty());
}

}  // namespace llm::optim
