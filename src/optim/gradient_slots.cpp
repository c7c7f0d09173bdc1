#include "optim/gradient_slots.h"

#include <ATen/ops/empty.h>

#include <algorithm>

#include "llm/core/check.h"

namespace llm::optim {

GradientSlots::GradientSlots(const std::vector<GradientBucket>& buckets,
                             const at::TensorOptions& type, Retire retire)
    : buckets_(buckets), retire_(std::move(retire)) {
  int64_t largest = 0, largest_of_layers = 0;
  for (const GradientBucket& bucket : buckets) {
    largest = std::max(largest, bucket.numel);
    if (!bucket.is_table) largest_of_layers = std::max(largest_of_layers, bucket.numel);
  }
  slots_[0].memory = at::empty({largest_of_layers}, type);
  slots_[1].memory = at::empty({largest}, type);
}

GradientSlots::Slot& GradientSlots::slot_of(size_t bucket) {
  for (Slot& slot : slots_) {
    if (slot.bucket == bucket && !slot.transfer) return slot;
  }
  LLM_CHECK(false, "bucket {} has no buffer", bucket);
  return slots_[0];
}

bool GradientSlots::is_held(size_t bucket) const {
  return std::any_of(slots_.begin(), slots_.end(),
                     [&](const Slot& slot) { return slot.bucket == bucket && !slot.transfer; });
}

// The table's buffer is for layers when no table needs it.
GradientSlots::Slot* GradientSlots::free_slot(size_t bucket) {
  if (!buckets_[bucket].is_table && !slots_[0].bucket) return &slots_[0];
  return slots_[1].bucket ? nullptr : &slots_[1];
}

at::Tensor GradientSlots::take(size_t bucket) {
  LLM_CHECK(!is_held(bucket));
  Slot* slot = free_slot(bucket);
  while (slot == nullptr) {
    LLM_CHECK(!on_the_way_.empty(), "more than two buckets are written at a time");
    retire_oldest();
    slot = free_slot(bucket);
  }
  slot->bucket = bucket;
  return gradients(bucket).zero_();
}

at::Tensor GradientSlots::gradients(size_t bucket) {
  return slot_of(bucket).memory.narrow(0, 0, buckets_[bucket].numel);
}

void GradientSlots::send(size_t bucket, GradientTransfer transfer) {
  Slot& slot = slot_of(bucket);
  slot.transfer = std::move(transfer);
  on_the_way_.push_back(&slot);
}

void GradientSlots::retire_oldest() {
  Slot& slot = *on_the_way_.front();
  on_the_way_.pop_front();
  retire_(*slot.bucket, *slot.transfer);
  slot.bucket.reset();
  slot.transfer.reset();
}

void GradientSlots::retire_all() {
  while (!on_the_way_.empty()) retire_oldest();
}

bool GradientSlots::is_empty() const { return !slots_[0].bucket && !slots_[1].bucket; }

int64_t GradientSlots::bytes() const {
  return static_cast<int64_t>(slots_[0].memory.nbytes() + slots_[1].memory.nbytes());
}

}  // namespace llm::optim
