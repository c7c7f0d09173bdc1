#include "kernels/reference/rope.h"

#include <ATen/ATen.h>

#include "kernels/path.h"

namespace llm::kernels::reference {

at::Tensor rope(const at::Tensor& x, const at::Tensor& table, const at::Tensor& positions,
                bool inverse) {
  const at::ScalarType type = statistics_type(x);
  const at::Tensor rows = table.index_select(0, positions).to(type).unsqueeze(2);  // [T, 2, 1, K/2]
  const at::Tensor cosine = rows.select(1, 0);                                     // [T, 1, K/2]
  const at::Tensor sine = inverse ? -rows.select(1, 1) : rows.select(1, 1);
  const std::vector<at::Tensor> halves = x.to(type).chunk(2, -1);  // [T, H, K/2] x 2
  return at::cat({halves[0] * cosine - halves[1] * sine, halves[1] * cosine + halves[0] * sine}, -1)
      .to(x.scalar_type());
}

void rope_(const at::Tensor& x, const at::Tensor& table, const at::Tensor& positions,
           bool inverse) {
  x.copy_(rope(x, table, positions, inverse));
}

}  // namespace llm::kernels::reference
