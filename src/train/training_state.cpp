#include "train/training_state.h"

#include "llm/optim/gradient_buckets.h"

namespace llm::train {

void allocate_training_state(tensor::ParameterStore& store, const dist::ProcessGroup& group,
                             const DistSection& config) {
  store.allocate_gradients();
  const auto buckets = optim::gradient_buckets(store, config.bucket_bytes());
  store.allocate_moments(optim::updated_ranges(buckets, group, config.zero > 0));
}

}  // namespace llm::train
