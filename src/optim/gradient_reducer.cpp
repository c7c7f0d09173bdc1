#include "llm/optim/gradient_reducer.h"

#include <fmt/format.h>

#include "llm/core/check.h"

namespace llm::optim {

GradientReducer::GradientReducer(tensor::ParameterStore& store, dist::ProcessGroup& group,
                                 int64_t bucket_bytes, bool is_sharded)
    : store_(store),
      group_(group),
      buckets_(gradient_buckets(store, bucket_bytes)),
      is_sharded_(is_sharded && group.size() > 1) {
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
    const at::Tensor gradients = store_.flat_gradients().narrow(0, bucket.offset, bucket.numel);
    const dist::Call call{dist::Payload::kGradient, label("gradient", index)};
    running_.push_back(is_sharded_ ? group_.reduce_scatter_async(gradients, call)
                                   : group_.all_reduce_async(gradients, call));
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

void GradientReducer::collect_weights() {
  if (!is_sharded_) return;
  std::vector<std::shared_ptr<dist::Work>> works;
  for (size_t index = 0; index < buckets_.size(); ++index) {
    const GradientBucket& bucket = buckets_[index];
    works.push_back(
        group_.all_gather_async(store_.flat_weights().narrow(0, bucket.offset, bucket.numel),
                                {dist::Payload::kParameter, label("weight", index)}));
  }
  for (const auto& work : works) work->wait();
}

std::string GradientReducer::label(const char* what, size_t bucket) const {
  return fmt::format("{} bucket {} of step {}", what, bucket, step_);
}

}  // namespace llm::optim
