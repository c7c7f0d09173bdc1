// Gradients on their way to the other ranks, in the type that the wire has. As bf16 they lie in the
// first half of their own fp32 memory, so that rounding costs none.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>

#include "llm/dist/process_group.h"
#include "llm/optim/gradient_reducer.h"

namespace llm::optim {

// Gradients [n] that belong to the group until wait() returned.
struct GradientTransfer {
  at::Tensor flat;     // [n] fp32: their memory
  at::Tensor on_wire;  // [n], as they are sent
  std::shared_ptr<dist::Work> work;
};

class GradientWire {
 public:
  GradientWire(dist::ProcessGroup& group, ReduceDtype dtype) : group_(group), dtype_(dtype) {}

  GradientTransfer all_reduce(const at::Tensor& flat, dist::Call call);
  GradientTransfer reduce_scatter(const at::Tensor& flat, dist::Call call);

  // The sums of a part, as they came: [part], fp32 or bf16. Waits. Throws: DistError.
  static at::Tensor sums(const GradientTransfer& transfer, const dist::Range& part);
  // Brings the sums of a part back into the fp32 memory. Waits. Throws: DistError.
  static void restore(const GradientTransfer& transfer, const dist::Range& part);

 private:
  at::Tensor round(const at::Tensor& flat) const;

  dist::ProcessGroup& group_;
  ReduceDtype dtype_;
};

}  // namespace llm::optim
