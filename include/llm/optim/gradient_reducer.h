// Adds up the gradients of all ranks while the last backward pass of a step still goes on (Li et
// al., "PyTorch Distributed", arXiv 2006.15704): as soon as the layers of a bucket are done, the
// bucket's sum begins, in the same order on every rank. Sharded (ZeRO-1: Rajbhandari et al., arXiv
// 1910.02054), a rank gets the sums of its shards alone, updates these, and all collect the
// weights.
//
//   reducer.begin(step);                   // before the step's last backward on this rank
//   ... backward, which calls reducer.layer_done(layer) ...
//   reducer.finish();                      // what this rank updates has the global gradients
//   ... the update ...
//   reducer.collect_weights();             // all weights are the new ones
//
// Without layer_done(), on a rank without micro-batches for example, finish() reduces everything.
// Not thread-safe; the gradients may not be touched between a bucket's completion and finish().
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "llm/dist/process_group.h"
#include "llm/optim/gradient_buckets.h"

namespace llm::optim {

class GradientReducer {
 public:
  // Requires: store (with gradients) and group outlive the reducer.
  GradientReducer(tensor::ParameterStore& store, dist::ProcessGroup& group, int64_t bucket_bytes,
                  bool is_sharded);

  bool is_sharded() const { return is_sharded_; }

  void begin(int64_t step);
  // For nn::CausalLM::set_backward_observer; outside begin() and finish() it does nothing.
  void layer_done(int64_t layer);
  // Throws: DistError.
  void finish();
  // Sharded: every rank's updated weights go to all; otherwise all have them. Throws: DistError.
  void collect_weights();

 private:
  void launch_until(int64_t completed_layer);
  std::string label(const char* what, size_t bucket) const;

  tensor::ParameterStore& store_;
  dist::ProcessGroup& group_;
  std::vector<GradientBucket> buckets_;
  std::vector<std::shared_ptr<dist::Work>> running_;  // of the first buckets
  bool is_sharded_ = false;
  bool is_open_ = false;
  int64_t step_ = 0;
};

}  // namespace llm::optim
