// Adds up the gradients of all ranks while the backward pass still goes on (Li et al., "PyTorch
// Distributed", arXiv 2006.15704), and shares out what is kept of them (ZeRO: Rajbhandari et al.,
// arXiv 1910.02054).
//
//   zero 0  A step's gradients are summed once, during the last backward; every rank gets all sums.
//   zero 1  So, but a rank gets the sums of its shards alone, updates these, and all collect the
//           weights.
//   zero 2  Every micro-batch is reduced. A rank keeps the sums of its shards; what is not reduced
//           yet lies in one of two buffers, which buckets of whole layers take in turns.
//
//   reducer.begin_step(step, micro_batches of this rank);
//   for each: reducer.begin_micro_batch();
//             ... forward and backward, which call layer_begins() and layer_done() ...
//             reducer.end_micro_batch();
//   reducer.finish_step();      // what this rank updates has the global gradients
//   ... the update ...
//   reducer.collect_weights();  // all weights are the new ones
//
// A rank without micro-batches takes part all the same. Every rank sums the same buckets in the
// same order.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "llm/dist/process_group.h"
#include "llm/optim/gradient_buckets.h"

namespace llm::optim {

// The type of gradients on the wire. kBf16 halves their bytes: each rank's are rounded once, and
// their sum again at each addition, so that a sum of W terms is off by at most W 2^-8 of the sum of
// their magnitudes. Sums of micro-batches, moments and weights stay fp32.
enum class ReduceDtype { kFp32, kBf16 };
const std::vector<std::pair<ReduceDtype, std::string>>& config_enum_names(ReduceDtype);

struct ReductionOptions {
  int64_t bucket_bytes = int64_t{25} << 20;
  int64_t zero = 0;
  ReduceDtype dtype = ReduceDtype::kFp32;
};

// Gradients, and moments of what this rank updates. Requires: the store is trainable.
void allocate_training_state(tensor::ParameterStore& store, const dist::ProcessGroup& group,
                             const ReductionOptions& options);

// Not thread-safe; from begin_micro_batch() to finish_step() gradients belong to the backward pass
// and the reducer. layer_begins() and layer_done() are for nn::CausalLM::set_backward_observer;
// outside a micro-batch they do nothing.
class GradientReducer {
 public:
  virtual ~GradientReducer() = default;

  // Whether this rank updates a share alone.
  bool is_sharded() const { return is_sharded_; }

  virtual void begin_step(int64_t step, int64_t micro_batches) = 0;
  virtual void begin_micro_batch() = 0;
  // Throw: DistError, as the three below.
  virtual void layer_begins(int64_t layer) = 0;
  virtual void layer_done(int64_t layer) = 0;
  virtual void end_micro_batch() = 0;
  virtual void finish_step() = 0;
  // Sharded: every rank's updated weights go to all; otherwise all have them. Throws: DistError.
  void collect_weights();

  // Of gradients that are not reduced yet, beside what the store holds.
  virtual int64_t buffer_bytes() const { return 0; }

 protected:
  GradientReducer(tensor::ParameterStore& store, dist::ProcessGroup& group,
                  const ReductionOptions& options);
  dist::Range own_shard(const GradientBucket& bucket) const;

  tensor::ParameterStore& store_;
  dist::ProcessGroup& group_;
  std::vector<GradientBucket> buckets_;
  int64_t step_ = 0;

 private:
  bool is_sharded_;
};

// `micro_batches` are those of a step on all ranks; rank r of W has r, r + W, ... Requires: the
// store's training state is that of allocate_training_state() with the same options; store and
// group outlive the reducer.
std::unique_ptr<GradientReducer> make_gradient_reducer(tensor::ParameterStore& store,
                                                       dist::ProcessGroup& group,
                                                       const ReductionOptions& options,
                                                       int64_t micro_batches);

}  // namespace llm::optim
