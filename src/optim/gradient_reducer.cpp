#include "llm/optim/gradient_reducer.h"

#include <fmt/format.h>

#include "llm/core/check.h"

namespace llm::optim {

GradientReducer::GradientReducer(tensor::ParameterStore& store, dist::ProcessGroup& group,
                                 int64_t bucket_bytes)
    : store_(store), group_(group), buckets_(gradient_buckets(store, bucket_bytes)) {
  LLM_CHECK(store.flat_gradients().defined(), "gradients are not allocated");
}

void GradientReducer::begin(int64_t step) {
  LLM_CHECK(!is_open_ && running_.empty());
  is_open_ = group_.size() > 1;
  step_ = step;
}

void GradientReducer::layer_done(int64_t layer) {
  if (is_open_) launch_until(layer);
}

void GradientReducer::launch_until(int64_t completed_layer) {
  while (running_.size() < buckets_.size()) {
    const size_t index = running_.size();
    const GradientBucket& bucket = buckets_[index];
    if (bucket.layer < completed_layer) return;
    running_.push_back(group_.all_reduce_async(
        store_.flat_gradients().narrow(0, bucket.offset, bucket.numel),
        {dist::Payload::kGradient, fmt::format("gradient bucket {} of step {}", index, step_)}));
  }
}

void GradientReducer::finish() {
  if (!is_open_) return;
  constexpr int64_t kEverything = -1;
  launch_until(kEverything);
  is_open_ = false;
  // Taken out first: a failed reduction leaves nothing behind to wait for.
  const auto works = std::move(running_);
  running_.clear();
  for (const auto& work : works) work->wait();
}

}  // namespace llm::optim
