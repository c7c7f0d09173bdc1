#include "kernels/gemm.h"

#include <ATen/ATen.h>

namespace llm::kernels {

void product_transposed_out(const at::Tensor& out, const at::Tensor& x, const at::Tensor& w) {
  at::Tensor result = out;
  if (out.scalar_type() == x.scalar_type()) {
    at::mm_out(result, x, w.t());
  } else if (x.is_cuda()) {
    at::mm_out(result, x, w.t(), out.scalar_type());
  } else {
    at::mm_out(result, x.to(out.scalar_type()), w.t().to(out.scalar_type()));
  }
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
