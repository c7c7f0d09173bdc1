#include "llm/kernels/rope.h"

#include <torch/csrc/autograd/custom_function.h>

#include <ATen/ATen.h>

#include "kernels/cpu/rope.h"
#include "kernels/cuda/rope.h"
#include "kernels/path.h"
#include "kernels/reference/rope.h"
#include "llm/core/check.h"

namespace llm::kernels {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

void check_arguments(const at::Tensor& x, const at::Tensor& table, const at::Tensor& positions) {
  LLM_CHECK(x.dim() == 3 && x.size(2) % 2 == 0, "x must be [T, H, K] with an even K");
  LLM_CHECK(table.dim() == 3 && table.size(1) == 2 && table.size(2) * 2 == x.size(2) &&
                table.is_contiguous() && table.scalar_type() == at::kFloat,
            "the table must be [P, 2, {}] fp32", x.size(2) / 2);
  LLM_CHECK(positions.dim() == 1 && positions.size(0) == x.size(0) && positions.is_contiguous() &&
                positions.scalar_type() == at::kInt,
            "positions must be [{}] int32", x.size(0));
}

at::Tensor rotated(const at::Tensor& x, const at::Tensor& table, const at::Tensor& positions,
                   bool inverse) {
  const at::Tensor out = x.clone(at::MemoryFormat::Contiguous);
  rope_(out, table, positions, inverse);
  return out;
}

struct RopeFunction : torch::autograd::Function<RopeFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& table,
                            const at::Tensor& positions) {
    context->save_for_backward({table, positions});
    return rotated(x, table, positions, /*inverse=*/false);
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const variable_list saved = context->get_saved_variables();
    return {rotated(grads[0], saved[0], saved[1], /*inverse=*/true), at::Tensor(), at::Tensor()};
  }
};

}  // namespace

at::Tensor rope_table(const at::Tensor& inverse_frequencies, int64_t num_positions,
                      double attention_factor) {
  const at::Tensor frequencies = inverse_frequencies.to(at::kFloat);
  const at::Tensor positions = at::arange(num_positions, frequencies.options());
  const at::Tensor angles = at::outer(positions, frequencies);  // [P, K/2]
  return at::stack({angles.cos(), angles.sin()}, 1).mul_(attention_factor);
}

at::Tensor rope(const at::Tensor& x, const at::Tensor& table, const at::Tensor& positions) {
  check_arguments(x, table, positions);
  if (path_for({x}) == Path::kReference) return reference::rope(x, table, positions);
  return RopeFunction::apply(x, table, positions);
}

void rope_(const at::Tensor& x, const at::Tensor& table, const at::Tensor& positions,
           bool inverse) {
  check_arguments(x, table, positions);
  const at::NoGradGuard no_grad;
  switch (path_for({x, table})) {
    case Path::kCpu:
      return cpu::rope_(x, table, positions, inverse);
    case Path::kCuda:
      return cuda::rope_(x, table, positions, inverse);
    case Path::kReference:
      return reference::rope_(x, table, positions, inverse);
  }
}

}  // namespace llm::kernels
