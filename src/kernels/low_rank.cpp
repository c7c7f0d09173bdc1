#include "kernels/low_rank.h"

#include <ATen/ATen.h>

#include "kernels/gemm.h"

namespace llm::kernels {
namespace {

// What drop() multiplies x by; undefined where nothing is dropped. [T, I]
at::Tensor factors_of(const at::Tensor& x, const LowRankUpdate& update, const NoiseContext& noise) {
  if (!noise.on() || update.dropout == 0) return {};
  return dropout_factors(noise, update.stream, update.dropout, x.size(1),
                         x.options().dtype(update.a.scalar_type()));
}

// drop(x) in the type of A, which may be wider than x's. [T, I]
at::Tensor dropped(const at::Tensor& x, const LowRankUpdate& update, const at::Tensor& factors) {
  const at::Tensor wide = x.to(update.a.scalar_type());
  return factors.defined() ? wide * factors : wide;
}

at::Tensor rows_of(const at::Tensor& y, const LowRankUpdate& update) {
  return y.narrow(1, update.row, update.b.size(0));
}

at::Tensor store_gradient(const at::Tensor& leaf, const at::Tensor& dy, const at::Tensor& x) {
  if (!has_gradient_buffer(leaf)) return leaf.requires_grad() ? at::mm(dy.t(), x) : at::Tensor();
  add_weight_gradient_(leaf.grad(), dy, x);
  return {};
}

}  // namespace

at::Tensor low_rank_reference(const at::Tensor& x, const LowRankUpdate& update,
                              const NoiseContext& noise) {
  const at::Tensor input = dropped(x, update, factors_of(x, update, noise));
  return at::matmul(at::matmul(input, update.a.t()), update.b.t()) * update.scale;
}

void add_low_rank_(const at::Tensor& y, const at::Tensor& x, const LowRankUpdate& update,
                   const NoiseContext& noise) {
  const at::Tensor input = dropped(x, update, factors_of(x, update, noise));
  const at::Tensor inner = at::mm(input, update.a.t()).mul_(update.scale);  // [T, R]
  const at::Tensor target = rows_of(y, update);
  if (target.scalar_type() == inner.scalar_type()) {
    target.addmm_(inner, update.b.t());
  } else {
    target.add_(at::mm(inner, update.b.t()));
  }
}

LowRankGradients low_rank_backward(const at::Tensor& dy, const at::Tensor& x,
                                   const LowRankUpdate& update, const NoiseContext& noise,
                                   const at::Tensor& dx) {
  const at::Tensor factors = factors_of(x, update, noise);
  const at::Tensor input = dropped(x, update, factors);                     // [T, I]
  const at::Tensor dout = rows_of(dy, update).to(update.b.scalar_type());   // [T, O']
  const at::Tensor inner = at::mm(input, update.a.t()).mul_(update.scale);  // [T, R]
  const at::Tensor dinner = at::mm(dout, update.b).mul_(update.scale);      // [T, R]
  const LowRankGradients out{store_gradient(update.a, dinner, input),
                             store_gradient(update.b, dout, inner)};
  if (!dx.defined()) return out;
  if (!factors.defined() && dx.scalar_type() == dinner.scalar_type()) {
    dx.addmm_(dinner, update.a);
  } else {
    const at::Tensor dinput = at::mm(dinner, update.a);  // [T, I]
    dx.add_(factors.defined() ? dinput.mul_(factors) : dinput);
  }
  return out;
}

}  // namespace llm::kernels
