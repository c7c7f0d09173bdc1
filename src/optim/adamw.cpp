#include "llm/optim/adamw.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>

#include "llm/core/check.h"
#include "llm/kernels/optimizer.h"

namespace llm::optim {

namespace {

bool decays(arch::ParameterKind kind) {
  return kind != arch::ParameterKind::kNorm && kind != arch::ParameterKind::kBias;
}

}  // namespace

std::vector<UpdateRange> update_ranges(const tensor::ParameterStore& store) {
  std::vector<UpdateRange> ranges;
  for (const auto& parameter : store.parameters()) {
    const bool decay = decays(parameter.spec.kind);
    if (ranges.empty() || ranges.back().decay != decay)
      ranges.push_back({parameter.offset, 0, decay});
    ranges.back().numel = parameter.offset + parameter.numel - ranges.back().offset;
  }
  return ranges;
}

AdamW::AdamW(tensor::ParameterStore& store, const OptimConfig& config)
    : store_(store), config_(config) {
  LLM_CHECK(store.flat_gradients().defined() && store.flat_exp_avg().defined(),
            "training state is not allocated");
  for (const UpdateRange& range : update_ranges(store)) {
    store.for_each_with_moments({range.offset, range.numel},
                                [&](const tensor::ArenaRange& part, int64_t moments) {
                                  slices_.push_back({part, moments, range.decay});
                                });
  }
}

at::Tensor AdamW::squared_grad_norm() const {
  at::Tensor sum = at::zeros({}, store_.flat_gradients().options().dtype(at::kDouble));
  for (const tensor::ArenaRange& range : store_.moment_ranges())
    sum += kernels::squared_norm(store_.gradients_of(range));
  return sum;
}

void AdamW::step(int64_t step, double lr, double grad_scale) {
  const at::NoGradGuard no_grad;
  for (const Slice& slice : slices_) {
    const int64_t numel = slice.range.numel;
    kernels::adamw_(store_.flat_weights().narrow(0, slice.range.offset, numel),
                    store_.gradients_of(slice.range),
                    store_.flat_exp_avg().narrow(0, slice.moments, numel),
                    store_.flat_exp_avg_sq().narrow(0, slice.moments, numel),
                    {.lr = lr,
                     .beta1 = config_.beta1,
                     .beta2 = config_.beta2,
                     .eps = config_.eps,
                     .weight_decay = slice.decay ? config_.weight_decay : 0,
                     .step = step,
                     .grad_scale = grad_scale});
  }
}

double AdamW::clip_scale(double norm) const {
  return config_.clip_norm > 0 ? std::min(1.0, config_.clip_norm / (norm + 1e-6)) : 1.0;
}

}  // namespace llm::optim
