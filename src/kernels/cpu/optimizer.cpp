#include "kernels/cpu/optimizer.h"

#include <ATen/ATen.h>

#include <cmath>
#include <vector>

#include "kernels/cpu/parallel.h"
#include "kernels/cpu/simd.h"

namespace llm::kernels::cpu {
namespace {

constexpr int64_t kGrain = 32768;  // numbers per part that are worth a thread

struct AdamwFactors {
  float decay;         // 1 - lr wd
  float beta1, rest1;  // b1, 1 - b1
  float beta2, rest2;
  float step_size;   // lr / (1 - b1^t)
  float root_scale;  // 1 / sqrt(1 - b2^t)
  float eps;
  float grad_scale;
};

AdamwFactors factors_of(const AdamwStep& step) {
  const double correction1 = 1 - std::pow(step.beta1, static_cast<double>(step.step));
  const double correction2 = 1 - std::pow(step.beta2, static_cast<double>(step.step));
  const auto narrow = [](double x) { return static_cast<float>(x); };
  return {.decay = narrow(1 - step.lr * step.weight_decay),
          .beta1 = narrow(step.beta1),
          .rest1 = narrow(1 - step.beta1),
          .beta2 = narrow(step.beta2),
          .rest2 = narrow(1 - step.beta2),
          .step_size = narrow(step.lr / correction1),
          .root_scale = narrow(1 / std::sqrt(correction2)),
          .eps = narrow(step.eps),
          .grad_scale = narrow(step.grad_scale)};
}

struct AdamwRange {
  float* weight;
  const float* grad;
  float* exp_avg;
  float* exp_avg_sq;
  int64_t count;
};

LLM_INLINE void update_lanes(const AdamwRange& range, const AdamwFactors& f, int64_t i,
                             int64_t count) {
  const Float8 g = load(range.grad + i, count) * f.grad_scale;
  const Float8 m = load(range.exp_avg + i, count) * f.beta1 + g * f.rest1;
  const Float8 v = load(range.exp_avg_sq + i, count) * f.beta2 + g * g * f.rest2;
  const Float8 w = load(range.weight + i, count) * f.decay;
  store(range.exp_avg + i, m, count);
  store(range.exp_avg_sq + i, v, count);
  store(range.weight + i, w - f.step_size * m / (sqrt(v) * f.root_scale + f.eps), count);
}

LLM_MULTIARCH void update_range(const AdamwRange& range, const AdamwFactors& factors) {
  const AdamwFactors f = factors;  // the stores below cannot change a local copy
  const AdamwRange r = range;
  int64_t i = 0;
  for (; i + kLanes <= r.count; i += kLanes) update_lanes(r, f, i, kLanes);
  if (i < r.count) update_lanes(r, f, i, r.count - i);
}

using Double4 = double __attribute__((vector_size(32)));
using Float4 = float __attribute__((vector_size(16)));

LLM_MULTIARCH double sum_of_squares(const float* x, int64_t count) {
  Double4 low{}, high{};
  for (int64_t i = 0; i < count; i += kLanes) {
    const Float8 value = load(x + i, count - i);
    const Double4 a = {value[0], value[1], value[2], value[3]};
    const Double4 b = {value[4], value[5], value[6], value[7]};
    low += a * a;
    high += b * b;
  }
  const Double4 sum = low + high;
  return (sum[0] + sum[2]) + (sum[1] + sum[3]);
}

}  // namespace

void adamw_(const at::Tensor& weight, const at::Tensor& grad, const at::Tensor& exp_avg,
            const at::Tensor& exp_avg_sq, const AdamwStep& step) {
  const AdamwFactors factors = factors_of(step);
  float* w = weight.data_ptr<float>();
  const float* g = grad.const_data_ptr<float>();
  float* m = exp_avg.data_ptr<float>();
  float* v = exp_avg_sq.data_ptr<float>();
  parallel_parts(weight.numel(), kGrain, [&](int64_t, int64_t begin, int64_t end) {
    update_range({w + begin, g + begin, m + begin, v + begin, end - begin}, factors);
  });
}

at::Tensor squared_norm(const at::Tensor& flat) {
  std::vector<double> partials(num_parts(flat.numel(), kGrain));
  const float* x = flat.const_data_ptr<float>();
  parallel_parts(flat.numel(), kGrain, [&](int64_t part, int64_t begin, int64_t end) {
    partials[part] = sum_of_squares(x + begin, end - begin);
  });
  double total = 0;
  for (const double partial : partials) total += partial;
  return at::scalar_tensor(total, at::kDouble);
}

}  // namespace llm::kernels::cpu
