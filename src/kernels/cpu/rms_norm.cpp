#include "kernels/cpu/rms_norm.h"

#include <ATen/ATen.h>

#include <cmath>

#include "kernels/cpu/parallel.h"
#include "kernels/cpu/simd.h"
#include "kernels/rows.h"

namespace llm::kernels::cpu {
namespace {

LLM_MULTIARCH float sum_of_squares(const float* x, int64_t width) {
  Float8 sum{};
  for (int64_t i = 0; i < width; i += kLanes) {
    const Float8 value = load(x + i, width - i);
    sum += value * value;
  }
  return sum_lanes(sum);
}

// out = a + b; returns the sum of out^2.
LLM_MULTIARCH float add_rows(const float* a, const float* b, float* out, int64_t width) {
  Float8 sum{};
  for (int64_t i = 0; i < width; i += kLanes) {
    const Float8 value = load(a + i, width - i) + load(b + i, width - i);
    store(out + i, value, width - i);
    sum += value * value;
  }
  return sum_lanes(sum);
}

LLM_MULTIARCH void scale_row(const float* x, const float* weight, float rstd, float* y,
                             int64_t width) {
  for (int64_t i = 0; i < width; i += kLanes) {
    store(y + i, load(x + i, width - i) * rstd * load(weight + i, width - i), width - i);
  }
}

struct NormBackwardRow {
  const float* dy;
  const float* x;
  const float* residual;  // or null
  float* dx;
  float rstd;
};

// dx = rstd (w dy - x rstd^2 mean(w dy x)) + residual;  dw += dy x rstd.
LLM_MULTIARCH void backward_row(const NormBackwardRow& row, const float* weight, float* weight_grad,
                                int64_t width) {
  Float8 sum{};
  for (int64_t i = 0; i < width; i += kLanes) {
    const int64_t left = width - i;
    const Float8 dy = load(row.dy + i, left);
    const Float8 x = load(row.x + i, left);
    sum += dy * load(weight + i, left) * x;
    store(weight_grad + i, load(weight_grad + i, left) + dy * (x * row.rstd), left);
  }
  const float pull = sum_lanes(sum) * row.rstd * row.rstd * row.rstd / static_cast<float>(width);
  for (int64_t i = 0; i < width; i += kLanes) {
    const int64_t left = width - i;
    Float8 dx =
        load(row.dy + i, left) * load(weight + i, left) * row.rstd - load(row.x + i, left) * pull;
    if (row.residual != nullptr) dx += load(row.residual + i, left);
    store(row.dx + i, dx, left);
  }
}

float inverse_rms(float squares, int64_t width, double eps) {
  return 1.0f / std::sqrt(squares / static_cast<float>(width) + static_cast<float>(eps));
}

at::Tensor allocate_rstd(const at::Tensor& x) {
  return at::empty(x.sizes().slice(0, x.dim() - 1), x.options());
}

}  // namespace

RmsNormOutput rms_norm_forward(const at::Tensor& given_x, const at::Tensor& given_weight,
                               double eps) {
  const at::Tensor x = as_rows(given_x);
  const at::Tensor weight = given_weight.contiguous();
  const RowLayout layout = row_layout(x);
  const RmsNormOutput out{at::empty(x.sizes(), x.options()), allocate_rstd(x)};
  const float* from = x.const_data_ptr<float>();
  const float* weights = weight.const_data_ptr<float>();
  float* to = out.y.data_ptr<float>();
  float* rstd = out.rstd.data_ptr<float>();
  const int64_t width = layout.width;
  parallel_parts(layout.count, row_grain(width), [&](int64_t, int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const float* values = from + layout.offset(row);
      rstd[row] = inverse_rms(sum_of_squares(values, width), width, eps);
      scale_row(values, weights, rstd[row], to + row * width, width);
    }
  });
  return out;
}

at::Tensor rms_norm_recompute(const at::Tensor& given_x, const at::Tensor& given_weight,
                              const at::Tensor& given_rstd) {
  const at::Tensor x = as_rows(given_x);
  const at::Tensor weight = given_weight.contiguous();
  const at::Tensor rstd = given_rstd.contiguous();
  const RowLayout layout = row_layout(x);
  const at::Tensor y = at::empty(x.sizes(), x.options());
  const float* from = x.const_data_ptr<float>();
  const float* weights = weight.const_data_ptr<float>();
  const float* scales = rstd.const_data_ptr<float>();
  float* to = y.data_ptr<float>();
  const int64_t width = layout.width;
  parallel_parts(layout.count, row_grain(width), [&](int64_t, int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      scale_row(from + layout.offset(row), weights, scales[row], to + row * width, width);
    }
  });
  return y;
}

AddRmsNormOutput add_rms_norm_forward(const at::Tensor& given_x, const at::Tensor& given_residual,
                                      const at::Tensor& given_weight, double eps) {
  const at::Tensor x = given_x.contiguous();
  const at::Tensor residual = given_residual.contiguous();
  const at::Tensor weight = given_weight.contiguous();
  const AddRmsNormOutput out{at::empty(x.sizes(), x.options()), at::empty(x.sizes(), x.options()),
                             allocate_rstd(x)};
  const float* a = x.const_data_ptr<float>();
  const float* b = residual.const_data_ptr<float>();
  const float* weights = weight.const_data_ptr<float>();
  float* sums = out.sum.data_ptr<float>();
  float* to = out.y.data_ptr<float>();
  float* rstd = out.rstd.data_ptr<float>();
  const int64_t width = x.size(-1);
  parallel_parts(out.rstd.numel(), row_grain(width), [&](int64_t, int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const int64_t at = row * width;
      rstd[row] = inverse_rms(add_rows(a + at, b + at, sums + at, width), width, eps);
      scale_row(sums + at, weights, rstd[row], to + at, width);
    }
  });
  return out;
}

at::Tensor rms_norm_backward(const at::Tensor& given_dy, const at::Tensor& given_x,
                             const at::Tensor& given_weight, const at::Tensor& given_rstd,
                             const at::Tensor& residual_grad, const at::Tensor& weight_grad) {
  const at::Tensor dy = as_rows(given_dy);
  const at::Tensor x = as_rows(given_x);
  const at::Tensor weight = given_weight.contiguous();
  const at::Tensor rstd = given_rstd.contiguous();
  const bool has_residual = residual_grad.defined();
  const at::Tensor dx =
      has_residual ? residual_grad.contiguous() : at::empty(x.sizes(), x.options());
  const RowLayout x_rows = row_layout(x);
  const RowLayout dy_rows = row_layout(dy);
  const int64_t width = x_rows.width;
  const int64_t grain = row_grain(width);
  // One partial sum per part, added in the order of the parts.
  const at::Tensor partials = at::zeros({num_parts(x_rows.count, grain), width}, x.options());
  const float* dy_from = dy.const_data_ptr<float>();
  const float* x_from = x.const_data_ptr<float>();
  const float* weights = weight.const_data_ptr<float>();
  const float* scales = rstd.const_data_ptr<float>();
  float* to = dx.data_ptr<float>();
  float* sums = partials.data_ptr<float>();
  parallel_parts(x_rows.count, grain, [&](int64_t part, int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      float* out = to + row * width;
      backward_row({dy_from + dy_rows.offset(row), x_from + x_rows.offset(row),
                    has_residual ? out : nullptr, out, scales[row]},
                   weights, sums + part * width, width);
    }
  });
  if (weight_grad.defined()) {
    for (int64_t part = 0; part < partials.size(0); ++part) weight_grad.add_(partials[part]);
  }
  return dx;
}

}  // namespace llm::kernels::cpu
