#include "kernels/cpu/softmax_rows.h"

#include <cmath>
#include <limits>

#include "kernels/cpu/parallel.h"
#include "kernels/cpu/simd.h"
#include "llm/core/check.h"

namespace llm::kernels::cpu {
namespace {

LLM_MULTIARCH float row_max(const float* z, int64_t width) {
  constexpr float kLowest = -std::numeric_limits<float>::infinity();
  Float8 first = splat(kLowest), second = splat(kLowest);
  for (int64_t i = 0; i < width; i += 2 * kLanes) {
    first = max(load(z + i, width - i, kLowest), first);
    second = max(load(z + i + kLanes, width - i - kLanes, kLowest), second);
  }
  return max_lane(max(first, second));
}

// Sum of e^(z - shift); `weighted`, when not null, receives the sum of e^(z - shift) (z - shift).
LLM_MULTIARCH float sum_of_exp(const float* z, int64_t width, float shift, float* weighted) {
  constexpr float kLowest = -std::numeric_limits<float>::infinity();
  Float8 sum{}, moment{};
  for (int64_t i = 0; i < width; i += kLanes) {
    const int64_t left = width - i;
    const Float8 x = load(z + i, left, kLowest) - shift;
    Float8 e = exp(x);
    if (left < kLanes) {
      for (int64_t lane = left; lane < kLanes; ++lane) e[lane] = 0;
    }
    sum += e;
    if (weighted != nullptr) moment += e * max(x, splat(-1e30f));
  }
  if (weighted != nullptr) *weighted = sum_lanes(moment);
  return sum_lanes(sum);
}

LLM_MULTIARCH void row_to_gradient(float* z, int64_t width, float lse, float coefficient) {
  for (int64_t i = 0; i < width; i += kLanes) {
    const int64_t left = width - i;
    store(z + i, exp(load(z + i, left) - lse) * -coefficient, left);
  }
}

// The first of several equal largest logits counts as the argmax.
bool is_first_largest(const float* z, int64_t target, float largest) {
  if (z[target] != largest) return false;
  for (int64_t i = 0; i < target; ++i) {
    if (z[i] == largest) return false;
  }
  return true;
}

struct Pointers {
  float* logits;
  const int64_t* targets;
  float* logprob;
  float* lse;      // or null
  float* entropy;  // or null
  bool* hits;      // or null
  int64_t width;
};

template <class T>
T* pointer_or_null(const at::Tensor& tensor) {
  return tensor.defined() ? tensor.data_ptr<T>() : nullptr;
}

Pointers pointers(const LogitRows& rows, const RowStatistics& out) {
  LLM_CHECK(rows.logits.is_contiguous() && rows.logits.scalar_type() == at::kFloat);
  return {rows.logits.data_ptr<float>(),
          rows.targets.const_data_ptr<int64_t>(),
          pointer_or_null<float>(out.logprob),
          pointer_or_null<float>(out.lse),
          pointer_or_null<float>(out.entropy),
          pointer_or_null<bool>(out.hits),
          rows.logits.size(1)};
}

// Returns the row's log-sum-exp.
float row_statistics(const Pointers& p, int64_t row) {
  const float* z = p.logits + row * p.width;
  const int64_t target = p.targets[row];
  const float largest = row_max(z, p.width);
  float weighted = 0;
  const float sum = sum_of_exp(z, p.width, largest, p.entropy ? &weighted : nullptr);
  const float log_sum = std::log(sum);
  p.logprob[row] = (z[target] - largest) - log_sum;
  if (p.lse != nullptr) p.lse[row] = largest + log_sum;
  if (p.entropy != nullptr) p.entropy[row] = log_sum - weighted / sum;
  if (p.hits != nullptr) p.hits[row] = is_first_largest(z, target, largest);
  return largest + log_sum;
}

void row_gradient(const Pointers& p, int64_t row, float lse, float coefficient) {
  float* z = p.logits + row * p.width;
  row_to_gradient(z, p.width, lse, coefficient);
  z[p.targets[row]] += coefficient;
}

template <class Body>
void for_each_row(const LogitRows& rows, const Body& body) {
  parallel_parts(rows.logits.size(0), row_grain(rows.logits.size(1)),
                 [&](int64_t, int64_t begin, int64_t end) {
                   for (int64_t row = begin; row < end; ++row) body(row);
                 });
}

}  // namespace

void softmax_statistics(const LogitRows& rows, const RowStatistics& out) {
  const Pointers p = pointers(rows, out);
  for_each_row(rows, [&](int64_t row) { row_statistics(p, row); });
}

at::Tensor softmax_gradient_(const LogitRows& rows, const at::Tensor& lse,
                             const at::Tensor& coefficients, at::ScalarType type) {
  LLM_CHECK(type == at::kFloat);
  const Pointers p = pointers(rows, {});
  const float* lses = lse.const_data_ptr<float>();
  const float* factors = coefficients.const_data_ptr<float>();
  for_each_row(rows, [&](int64_t row) { row_gradient(p, row, lses[row], factors[row]); });
  return rows.logits;
}

at::Tensor softmax_scaled_gradient_(const LogitRows& rows, const RowStatistics& out,
                                    double coefficient, at::ScalarType type) {
  LLM_CHECK(type == at::kFloat);
  const Pointers p = pointers(rows, out);
  for_each_row(rows, [&](int64_t row) {
    row_gradient(p, row, row_statistics(p, row), static_cast<float>(coefficient));
  });
  return rows.logits;
}

}  // namespace llm::kernels::cpu
