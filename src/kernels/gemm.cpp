#include "kernels/gemm.h"

#include <ATen/ATen.h>
#include <ATen/Context.h>
#include <ATen/core/dispatch/Dispatcher.h>

namespace llm::kernels {
namespace {

// Below this many rows the product is bound by reading the weight, and MKL's small kernels win.
constexpr int64_t kLeastRowsForOneDnn = 16;

// oneDNN's fp32 products are up to a third faster than MKL's on CPUs without AVX-512, except for
// the long, thin ones of weight gradients (docs/benchmarks.md).
bool prefers_onednn(const at::Tensor& x, const at::Tensor& w) {
  return x.is_cpu() && x.scalar_type() == at::kFloat && w.scalar_type() == at::kFloat &&
         x.size(0) >= kLeastRowsForOneDnn && at::globalContext().userEnabledMkldnn() &&
         at::hasMKLDNN();
}

// x W^T + bias. LibTorch exports oneDNN through its operators alone.
at::Tensor onednn_linear(const at::Tensor& x, const at::Tensor& w, const at::Tensor& bias) {
  using Linear = at::Tensor(const at::Tensor&, const at::Tensor&, const std::optional<at::Tensor>&,
                            std::string_view, c10::List<std::optional<at::Scalar>>,
                            std::optional<std::string_view>);
  static const auto linear = c10::Dispatcher::singleton()
                                 .findSchemaOrThrow("mkldnn::_linear_pointwise", "")
                                 .typed<Linear>();
  return linear.call(x, w, bias.defined() ? std::optional(bias) : std::nullopt, "none",
                     c10::List<std::optional<at::Scalar>>(), "");
}

}  // namespace

at::Tensor product_transposed(const at::Tensor& x, const at::Tensor& w, const at::Tensor& bias) {
  if (prefers_onednn(x, w)) return onednn_linear(x, w, bias);
  return bias.defined() ? at::addmm(bias, x, w.t()) : at::mm(x, w.t());
}

at::Tensor product_transposed_fp32(const at::Tensor& x, const at::Tensor& w) {
  if (x.scalar_type() == at::kFloat) return product_transposed(x, w, {});
  if (x.is_cuda()) return at::mm(x, w.t(), at::kFloat);
  return at::mm(x.to(at::kFloat), w.t().to(at::kFloat));
}

at::Tensor product(const at::Tensor& dy, const at::Tensor& w) {
  return prefers_onednn(dy, w) ? onednn_linear(dy, w.t(), {}) : at::mm(dy, w);
}

void add_weight_gradient_(const at::Tensor& grad, const at::Tensor& dy, const at::Tensor& x) {
  if (grad.scalar_type() == dy.scalar_type()) {
    grad.addmm_(dy.t(), x);
  } else if (dy.is_cuda()) {
    at::Tensor result = grad;
    at::addmm_out(result, grad, dy.t(), x, grad.scalar_type());
  } else {
    grad.addmm_(dy.t().to(grad.scalar_type()), x.to(grad.scalar_type()));
  }
}

bool has_gradient_buffer(const at::Tensor& leaf) { return leaf.is_leaf() && leaf.grad().defined(); }

}  // namespace llm::kernels
