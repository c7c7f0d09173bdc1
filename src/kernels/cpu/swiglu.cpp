#include "kernels/cpu/swiglu.h"

#include <ATen/ATen.h>

#include "kernels/cpu/parallel.h"
#include "kernels/cpu/simd.h"
#include "kernels/rows.h"

namespace llm::kernels::cpu {
namespace {

LLM_INLINE Float8 sigmoid(const Float8& x) { return 1.0f / (1.0f + exp(-x)); }

LLM_MULTIARCH void forward_row(const float* gate, const float* up, float* y, int64_t width) {
  for (int64_t i = 0; i < width; i += kLanes) {
    const Float8 g = load(gate + i, width - i);
    store(y + i, g * sigmoid(g) * load(up + i, width - i), width - i);
  }
}

struct SwigluBackwardRow {
  const float* dy;
  const float* gate_up;
  float* grad;  // may be gate_up
  float* y;     // or null
};

LLM_MULTIARCH void backward_row(const SwigluBackwardRow& row, int64_t width) {
  for (int64_t i = 0; i < width; i += kLanes) {
    const int64_t left = width - i;
    const Float8 dy = load(row.dy + i, left);
    const Float8 g = load(row.gate_up + i, left);
    const Float8 up = load(row.gate_up + width + i, left);
    const Float8 s = sigmoid(g);
    const Float8 silu = g * s;
    store(row.grad + i, dy * up * (s + silu * (1.0f - s)), left);
    store(row.grad + width + i, dy * silu, left);
    if (row.y != nullptr) store(row.y + i, silu * up, left);
  }
}

}  // namespace

at::Tensor swiglu_forward(const at::Tensor& given) {
  const at::Tensor gate_up = as_rows(given);
  const RowLayout layout = row_layout(gate_up);
  const int64_t width = layout.width / 2;
  std::vector<int64_t> sizes = gate_up.sizes().vec();
  sizes.back() = width;
  const at::Tensor y = at::empty(sizes, gate_up.options());
  const float* from = gate_up.const_data_ptr<float>();
  float* to = y.data_ptr<float>();
  parallel_parts(layout.count, row_grain(width), [&](int64_t, int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const float* gate = from + layout.offset(row);
      forward_row(gate, gate + width, to + row * width, width);
    }
  });
  return y;
}

at::Tensor swiglu_backward(const at::Tensor& given_dy, const at::Tensor& given, bool in_place,
                           const at::Tensor& y) {
  const at::Tensor dy = as_rows(given_dy);
  const at::Tensor gate_up = as_rows(given);
  const at::Tensor grad = in_place ? gate_up : at::empty(gate_up.sizes(), gate_up.options());
  const RowLayout from_rows = row_layout(gate_up);
  const RowLayout dy_rows = row_layout(dy);
  const RowLayout grad_rows = row_layout(grad);
  const int64_t width = from_rows.width / 2;
  const float* from = gate_up.const_data_ptr<float>();
  const float* dy_from = dy.const_data_ptr<float>();
  float* to = grad.data_ptr<float>();
  float* y_to = y.defined() ? y.data_ptr<float>() : nullptr;
  parallel_parts(from_rows.count, row_grain(width), [&](int64_t, int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      backward_row({dy_from + dy_rows.offset(row), from + from_rows.offset(row),
                    to + grad_rows.offset(row), y_to ? y_to + row * width : nullptr},
                   width);
    }
  });
  if (in_place && !grad.is_same(given)) given.copy_(grad);
  return in_place ? given : grad;
}

}  // namespace llm::kernels::cpu
