#include "optim/gradient_wire.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>

#include "llm/core/arith.h"
#include "llm/core/check.h"

namespace llm::optim {

namespace {

// Elements that are converted at a time, through a copy: numbers move within their own memory.
int64_t chunk_numel(const at::Tensor& flat) {
  return flat.is_cpu() ? int64_t{1} << 16 : int64_t{1} << 24;
}

}  // namespace

// Ascending: a chunk's bf16 lie below what was read before.
at::Tensor GradientWire::round(const at::Tensor& flat) const {
  if (dtype_ == ReduceDtype::kFp32) return flat;
  LLM_CHECK(flat.scalar_type() == at::kFloat && flat.is_contiguous());
  const at::NoGradGuard no_grad;
  const at::Tensor rounded = flat.view(at::kBFloat16).narrow(0, 0, flat.numel());
  const int64_t step = chunk_numel(flat);
  for (int64_t begin = 0; begin < flat.numel(); begin += step) {
    const int64_t count = std::min(step, flat.numel() - begin);
    rounded.narrow(0, begin, count).copy_(flat.narrow(0, begin, count).to(at::kBFloat16));
  }
  return rounded;
}

GradientTransfer GradientWire::all_reduce(const at::Tensor& flat, dist::Call call) {
  const at::Tensor on_wire = round(flat);
  return {flat, on_wire, group_.all_reduce_async(on_wire, std::move(call))};
}

GradientTransfer GradientWire::reduce_scatter(const at::Tensor& flat, dist::Call call) {
  const at::Tensor on_wire = round(flat);
  return {flat, on_wire, group_.reduce_scatter_async(on_wire, std::move(call))};
}

at::Tensor GradientWire::sums(const GradientTransfer& transfer, const dist::Range& part) {
  transfer.work->wait();
  return transfer.on_wire.narrow(0, part.begin, part.size());
}

// Descending, for the same reason.
void GradientWire::restore(const GradientTransfer& transfer, const dist::Range& part) {
  const at::NoGradGuard no_grad;
  const at::Tensor rounded = sums(transfer, part);
  if (rounded.scalar_type() == transfer.flat.scalar_type()) return;
  const at::Tensor target = transfer.flat.narrow(0, part.begin, part.size());
  const int64_t step = chunk_numel(target);
  for (int64_t chunk = core::div_ceil(part.size(), step); chunk-- > 0;) {
    const int64_t count = std::min(step, part.size() - chunk * step);
    target.narrow(0, chunk * step, count)
        .copy_(rounded.narrow(0, chunk * step, count).to(at::kFloat));
  }
}

}  // namespace llm::optim
