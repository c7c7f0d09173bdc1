#include "optim/step_reducer.h"

#include <fmt/format.h>

#include "llm/core/check.h"

namespace llm::optim {

StepReducer::StepReducer(tensor::ParameterStore& store, dist::ProcessGroup& group,
                         const ReductionOptions& options)
    : GradientReducer(store, group, options), wire_(group, options.dtype) {}

void StepReducer::begin_step(int64_t step, int64_t micro_batches) {
  LLM_CHECK(!is_open_ && running_.empty());
  step_ = step;
  left_ = micro_batches;
}

void StepReducer::begin_micro_batch() { is_open_ = --left_ == 0 && group_.size() > 1; }

void StepReducer::layer_done(int64_t layer) {
  if (is_open_) launch_until(layer);
}

void StepReducer::launch_until(int64_t completed_layer) {
  while (running_.size() < buckets_.size()) {
    const size_t index = running_.size();
    const GradientBucket& bucket = buckets_[index];
    if (bucket.layer < completed_layer) return;
    const at::Tensor gradients = store_.gradients_of({bucket.offset, bucket.numel});
    const dist::Call call{dist::Payload::kGradient,
                          fmt::format("gradient bucket {} of step {}", index, step_)};
    running_.push_back(is_sharded() ? wire_.reduce_scatter(gradients, call)
                                    : wire_.all_reduce(gradients, call));
  }
}

void StepReducer::finish_step() {
  if (group_.size() == 1) return;
  launch_until(kBelowLayers);
  is_open_ = false;
  // Taken out first: a failed reduction leaves nothing behind to wait for.
  const auto transfers = std::move(running_);
  running_.clear();
  for (size_t i = 0; i < transfers.size(); ++i)
    GradientWire::restore(transfers[i], own_shard(buckets_[i]));
}

}  // namespace llm::optim
