// Sums a step's gradients once, during this rank's last backward (zero 0 and 1).
#pragma once

#include "llm/optim/gradient_reducer.h"
#include "optim/gradient_wire.h"

namespace llm::optim {

class StepReducer final : public GradientReducer {
 public:
  StepReducer(tensor::ParameterStore& store, dist::ProcessGroup& group,
              const ReductionOptions& options);

  void begin_step(int64_t step, int64_t micro_batches) override;
  void begin_micro_batch() override;
  void layer_begins(int64_t) override {}
  void layer_done(int64_t layer) override;
  void end_micro_batch() override {}
  void finish_step() override;

 private:
  void launch_until(int64_t completed_layer);

  GradientWire wire_;
  std::vector<GradientTransfer> running_;  // of the first buckets
  int64_t left_ = 0;                       // micro-batches that have not begun
  bool is_open_ = false;
};

}  // namespace llm::optim
