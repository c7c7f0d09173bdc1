// AdamW over a ParameterStore's flat ranges. Weight decay applies to matrices (embedding and head
// included), never to norms and biases.
#pragma once

#include <cstdint>
#include <vector>

#include "llm/core/config.h"
#include "llm/optim/schedule.h"
#include "llm/tensor/parameter_store.h"

namespace llm::optim {

struct OptimConfig {
  double lr = 3e-4;
  double beta1 = 0.9;
  double beta2 = 0.95;
  double eps = 1e-8;
  double weight_decay = 0.1;
  double clip_norm = 1.0;
  ScheduleConfig schedule;

  template <class V>
  void visit(V& v) {
    v.field("lr", lr, "peak learning rate", core::more_than(0));
    v.field("beta1", beta1, "decay of the first moment", core::between_open_high(0, 1));
    v.field("beta2", beta2, "decay of the second moment", core::between_open_high(0, 1));
    v.field("eps", eps, "added to the root of the second moment", core::more_than(0));
    v.field("weight_decay", weight_decay, "decoupled decay of matrices; 0: none",
            core::at_least(0));
    v.field("clip_norm", clip_norm, "largest global gradient norm; 0: no clipping",
            core::at_least(0));
    v.section("schedule", schedule, "learning rate over the steps");
  }
};

// A run of parameters that are updated alike.
struct UpdateRange {
  int64_t offset = 0;
  int64_t numel = 0;
  bool decay = false;
};
// Neighbouring parameters with the same decay are joined; alignment gaps inside a run are zero and
// stay so.
std::vector<UpdateRange> update_ranges(const tensor::ParameterStore& store);

// Updates what the store has moments of, and nothing else. Not thread-safe. Requires: the store is
// trainable, with gradients and moments, and outlives the optimizer.
class AdamW {
 public:
  AdamW(tensor::ParameterStore& store, const OptimConfig& config);
  // Sum of the squared gradients of what is updated: [] fp64 on the store's device.
  at::Tensor squared_grad_norm() const;
  // One update with learning rate `lr`; `step` counts from 1 (bias correction); gradients are
  // multiplied by `grad_scale` first.
  void step(int64_t step, double lr, double grad_scale);
  // min(1, clip_norm / (norm + 1e-6)), as torch.nn.utils.clip_grad_norm_.
  double clip_scale(double norm) const;

 private:
  tensor::ParameterStore& store_;
  OptimConfig config_;
  struct Slice {
    tensor::ArenaRange range;
    int64_t moments = 0;  // where they begin in flat_exp_avg()
    bool decay = false;
  };
  std::vector<Slice> slices_;
};

}  // namespace llm::optim
