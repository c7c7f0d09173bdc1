#include "kernels/gemm.h"

#include <ATen/ATen.h>
#include <ATen/Context.h>
#include <ATen/core/dispatch/Dispatcher.h>

#include <algorithm>

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

// Bytes of the rows of a weight of another type that are converted at a time: enough for efficient
// products, little beside a weight.
constexpr int64_t kConvertedBytes = 16LL << 20;

// A weight that is converted where it is used: rows(first, count) -> [count, I] of x's type.
template <class Rows>
struct ConvertedWeight {
  int64_t out;  // O
  int64_t in;   // I
  Rows rows;

  // body(first row, converted rows) over all of them.
  template <class Body>
  void for_each(const Body& body) const {
    const int64_t step =
        std::max(kConvertedBytes / (in * static_cast<int64_t>(sizeof(float))), int64_t{1});
    for (int64_t first = 0; first < out; first += step)
      body(first, rows(first, std::min(step, out - first)));
  }
};

auto converted(const at::Tensor& w, at::ScalarType type) {
  const auto rows = [&w, type](int64_t first, int64_t count) {
    return w.narrow(0, first, count).to(type);
  };
  return ConvertedWeight<decltype(rows)>{w.size(0), w.size(1), rows};
}

auto converted(const tensor::QuantizedMatrix& w, at::ScalarType type) {
  const auto rows = [&w, type](int64_t first, int64_t count) {
    return w.read_rows(first, count).to(type);
  };
  return ConvertedWeight<decltype(rows)>{w.rows(), w.columns(), rows};
}

template <class Rows>
at::Tensor converting_product_transposed(const at::Tensor& x, const ConvertedWeight<Rows>& w,
                                         const at::Tensor& given_bias) {
  const at::Tensor bias = given_bias.defined() ? given_bias.to(x.scalar_type()) : given_bias;
  at::Tensor y;
  w.for_each([&](int64_t first, const at::Tensor& rows) {
    const int64_t count = rows.size(0);
    const at::Tensor part =
        product_transposed(x, rows, bias.defined() ? bias.narrow(0, first, count) : bias);
    if (count == w.out) {
      y = part;
      return;
    }
    if (!y.defined()) y = at::empty({x.size(0), w.out}, x.options());
    y.narrow(1, first, count).copy_(part);
  });
  return y;
}

template <class Rows>
at::Tensor converting_product(const at::Tensor& dy, const ConvertedWeight<Rows>& w) {
  at::Tensor dx;
  w.for_each([&](int64_t first, const at::Tensor& rows) {
    const at::Tensor columns = dy.narrow(1, first, rows.size(0));
    if (dx.defined()) {
      dx.addmm_(columns, rows);
    } else {
      dx = product(columns, rows);
    }
  });
  return dx;
}

}  // namespace

at::Tensor product_transposed(const at::Tensor& x, const at::Tensor& w, const at::Tensor& bias) {
  if (x.scalar_type() != w.scalar_type()) {
    return converting_product_transposed(x, converted(w, x.scalar_type()), bias);
  }
  if (prefers_onednn(x, w)) return onednn_linear(x, w, bias);
  return bias.defined() ? at::addmm(bias, x, w.t()) : at::mm(x, w.t());
}

at::Tensor product_transposed_fp32(const at::Tensor& x, const at::Tensor& w) {
  if (x.scalar_type() == at::kFloat) return product_transposed(x, w, {});
  if (x.is_cuda()) return at::mm(x, w.t(), at::kFloat);
  return at::mm(x.to(at::kFloat), w.t().to(at::kFloat));
}

at::Tensor product(const at::Tensor& dy, const at::Tensor& w) {
  if (dy.scalar_type() != w.scalar_type()) {
    return converting_product(dy, converted(w, dy.scalar_type()));
  }
  return prefers_onednn(dy, w) ? onednn_linear(dy, w.t(), {}) : at::mm(dy, w);
}

at::Tensor product_transposed(const at::Tensor& x, const tensor::QuantizedMatrix& w,
                              const at::Tensor& bias) {
  return converting_product_transposed(x, converted(w, x.scalar_type()), bias);
}

at::Tensor product(const at::Tensor& dy, const tensor::QuantizedMatrix& w) {
  return converting_product(dy, converted(w, dy.scalar_type()));
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
