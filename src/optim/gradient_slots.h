// The two buffers of gradients that are not reduced yet. A bucket takes one while its gradients are
// written, and it is free again when their sum has come. What is on its way is waited for in the
// order in which it left, when a buffer is needed.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <vector>

#include "llm/optim/gradient_buckets.h"
#include "optim/gradient_wire.h"

namespace llm::optim {

class GradientSlots {
 public:
  // Is told of a bucket whose sums have come, before its buffer is used again.
  using Retire = std::function<void(size_t bucket, const GradientTransfer& transfer)>;

  // Buckets outlive the slots. One buffer is for the largest layer bucket, the other for tables,
  // too.
  GradientSlots(const std::vector<GradientBucket>& buckets, const at::TensorOptions& type,
                Retire retire);

  bool is_held(size_t bucket) const;
  // A buffer of zeros [numel of the bucket], once one is free. Requires: it is not held.
  // Throws: DistError.
  at::Tensor take(size_t bucket);
  // What the bucket holds. Requires: it is held.
  at::Tensor gradients(size_t bucket);
  // The bucket is on its way. Requires: it is held.
  void send(size_t bucket, GradientTransfer transfer);
  // Waits for all that are. Throws: DistError.
  void retire_all();

  bool is_empty() const;
  int64_t bytes() const;

 private:
  struct Slot {
    at::Tensor memory;
    std::optional<size_t> bucket;
    std::optional<GradientTransfer> transfer;  // of a bucket on its way
  };
  Slot* free_slot(size_t bucket);
  Slot& slot_of(size_t bucket);
  void retire_oldest();

  const std::vector<GradientBucket>& buckets_;
  Retire retire_;
  std::array<Slot, 2> slots_;
  std::deque<Slot*> on_the_way_;
};

}  // namespace llm::optim
