#include "kernels/cpu/rope.h"

#include <ATen/ATen.h>

#include "kernels/cpu/parallel.h"
#include "kernels/cpu/simd.h"
#include "llm/core/check.h"

namespace llm::kernels::cpu {
namespace {

struct HeadRows {
  float* first;
  int64_t count;
  int64_t stride;
};

// table_row is [2, half]: cos, then sin.
LLM_MULTIARCH void rotate_heads(const HeadRows& heads, const float* table_row, int64_t half,
                                float sign) {
  for (int64_t head = 0; head < heads.count; ++head) {
    float* low = heads.first + head * heads.stride;
    float* high = low + half;
    for (int64_t i = 0; i < half; i += kLanes) {
      const int64_t left = half - i;
      const Float8 cosine = load(table_row + i, left);
      const Float8 sine = load(table_row + half + i, left) * sign;
      const Float8 a = load(low + i, left);
      const Float8 b = load(high + i, left);
      store(low + i, a * cosine - b * sine, left);
      store(high + i, b * cosine + a * sine, left);
    }
  }
}

}  // namespace

void rope_(const at::Tensor& x, const at::Tensor& table, const at::Tensor& positions,
           bool inverse) {
  LLM_CHECK(x.stride(2) == 1, "the head dimension must be contiguous");
  const int64_t half = table.size(2);
  const int64_t num_rows = table.size(0);
  const float* rows = table.const_data_ptr<float>();
  const int* position = positions.const_data_ptr<int>();
  float* data = x.data_ptr<float>();
  const float sign = inverse ? -1.0f : 1.0f;
  const int64_t grain = row_grain(x.size(1) * x.size(2));
  parallel_parts(x.size(0), grain, [&](int64_t, int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      LLM_CHECK(position[t] >= 0 && position[t] < num_rows, "position {} of {}", position[t],
                num_rows);
      rotate_heads({data + t * x.stride(0), x.size(1), x.stride(1)}, rows + position[t] * 2 * half,
                   half, sign);
    }
  });
}

}  // namespace llm::kernels::cpu
