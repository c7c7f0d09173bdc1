#include "llm/optim/gradient_reducer.h"

#include <fmt/format.h>

#include "llm/core/arith.h"
#include "llm/core/check.h"
#include "optim/micro_batch_reducer.h"
#include "optim/step_reducer.h"

namespace llm::optim {

namespace {

bool reduces_micro_batches(const dist::ProcessGroup& group, const ReductionOptions& options) {
  return group.size() > 1 && options.zero == 2;
}

std::vector<GradientBucket> buckets_of(const tensor::ParameterStore& store,
                                       const dist::ProcessGroup& group,
                                       const ReductionOptions& options) {
  return reduces_micro_batches(group, options) ? layer_buckets(store, options.bucket_bytes)
                                               : gradient_buckets(store, options.bucket_bytes);
}

}  // namespace

const std::vector<std::pair<ReduceDtype, std::string>>& config_enum_names(ReduceDtype) {
  static const std::vector<std::pair<ReduceDtype, std::string>> names{{ReduceDtype::kFp32, "fp32"},
                                                                      {ReduceDtype::kBf16, "bf16"}};
  return names;
}

void allocate_training_state(tensor::ParameterStore& store, const dist::ProcessGroup& group,
                             const ReductionOptions& options) {
  const auto owned =
      updated_ranges(buckets_of(store, group, options), group, /*is_sharded=*/options.zero > 0);
  if (reduces_micro_batches(group, options)) {
    store.allocate_gradient_shards(owned);
  } else {
    store.allocate_gradients();
  }
  store.allocate_moments(owned);
}

GradientReducer::GradientReducer(tensor::ParameterStore& store, dist::ProcessGroup& group,
                                 const ReductionOptions& options)
    : store_(store),
      group_(group),
      buckets_(buckets_of(store, group, options)),
      is_sharded_(options.zero > 0 && group.size() > 1) {
  LLM_CHECK(store.flat_gradients().defined(), "gradients are not allocated");
}

dist::Range GradientReducer::own_shard(const GradientBucket& bucket) const {
  return is_sharded_ ? dist::shard_range(bucket.numel, group_.size(), group_.rank())
                     : dist::Range{0, bucket.numel};
}

void GradientReducer::collect_weights() {
  if (!is_sharded_) return;
  std::vector<std::shared_ptr<dist::Work>> works;
  for (size_t index = 0; index < buckets_.size(); ++index) {
    const GradientBucket& bucket = buckets_[index];
    works.push_back(group_.all_gather_async(
        store_.flat_weights().narrow(0, bucket.offset, bucket.numel),
        {dist::Payload::kParameter, fmt::format("weight bucket {} of step {}", index, step_)}));
  }
  for (const auto& work : works) work->wait();
}

std::unique_ptr<GradientReducer> make_gradient_reducer(tensor::ParameterStore& store,
                                                       dist::ProcessGroup& group,
                                                       const ReductionOptions& options,
                                                       int64_t micro_batches) {
  if (!reduces_micro_batches(group, options))
    return std::make_unique<StepReducer>(store, group, options);
  return std::make_unique<MicroBatchReducer>(store, group, options,
                                             core::div_ceil(micro_batches, int64_t{group.size()}));
}

}  // namespace llm::optim
