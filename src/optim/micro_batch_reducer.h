// Sums the gradients of every micro-batch and keeps this rank's shards (zero 2).
//
// All ranks reduce in rounds, as many as the first rank has micro-batches; a rank that has none for
// a round adds zeros. The embedding of a tied model is written at both ends of the backward pass,
// by the head's product and by the input's, but reduced once in a round: what the input's part
// leaves behind goes with the head's part of the next round, as soon as that is written, and with
// the last round's end. So it keeps one of the two buffers in the last round alone; the layers have
// the other then, and each waits for the sum of the one before.
#pragma once

#include "llm/optim/gradient_reducer.h"
#include "optim/gradient_slots.h"
#include "optim/gradient_wire.h"

namespace llm::optim {

class MicroBatchReducer final : public GradientReducer {
 public:
  MicroBatchReducer(tensor::ParameterStore& store, dist::ProcessGroup& group,
                    const ReductionOptions& options, int64_t rounds);

  void begin_step(int64_t step, int64_t micro_batches) override;
  void begin_micro_batch() override;
  void layer_begins(int64_t layer) override;
  void layer_done(int64_t layer) override;
  void end_micro_batch() override;
  void finish_step() override;
  int64_t buffer_bytes() const override { return slots_.bytes(); }

 private:
  bool is_last_round() const { return round_ + 1 == rounds_; }
  bool goes_early(size_t bucket) const;
  int64_t completing_place(size_t bucket) const;
  void hold(size_t bucket);
  void hold_written_from(int64_t place);
  void launch_until(int64_t completed_place);
  void launch(size_t bucket);
  void keep_shard(size_t bucket, const GradientTransfer& transfer);

  GradientWire wire_;
  GradientSlots slots_;
  int64_t rounds_;
  int64_t round_ = 0;
  bool is_open_ = false;
  std::vector<size_t> order_;  // of this round's reductions
  size_t launched_ = 0;        // of them
};

}  // namespace llm::optim
