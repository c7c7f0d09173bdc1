#include "llm/kernels/swiglu.h"

#include <torch/csrc/autograd/custom_function.h>

#include <ATen/ATen.h>

#include "kernels/cpu/swiglu.h"
#include "kernels/cuda/swiglu.h"
#include "kernels/path.h"
#include "kernels/reference/swiglu.h"
#include "llm/core/check.h"

namespace llm::kernels {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

void check_shape(const at::Tensor& gate_up) {
  LLM_CHECK(gate_up.dim() >= 1 && gate_up.size(-1) % 2 == 0, "gate_up must have 2F columns");
}

struct SwigluFunction : torch::autograd::Function<SwigluFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& gate_up) {
    context->save_for_backward({gate_up});
    return swiglu_forward(gate_up);
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    return {swiglu_backward(grads[0], context->get_saved_variables()[0], /*in_place=*/false)};
  }
};

}  // namespace

at::Tensor swiglu(const at::Tensor& gate_up) {
  check_shape(gate_up);
  if (path_for({gate_up}) == Path::kReference) return reference::swiglu(gate_up);
  return SwigluFunction::apply(gate_up);
}

at::Tensor swiglu_forward(const at::Tensor& gate_up) {
  check_shape(gate_up);
  const at::NoGradGuard no_grad;
  switch (path_for({gate_up})) {
    case Path::kCpu:
      return cpu::swiglu_forward(gate_up);
    case Path::kCuda:
      return cuda::swiglu_forward(gate_up);
    case Path::kReference:
      break;
  }
  return reference::swiglu(gate_up);
}

at::Tensor swiglu_backward(const at::Tensor& dy, const at::Tensor& gate_up, bool in_place,
                           const at::Tensor& y) {
  check_shape(gate_up);
  LLM_CHECK(dy.dim() == gate_up.dim() && dy.size(-1) * 2 == gate_up.size(-1) &&
            dy.numel() * 2 == gate_up.numel());
  LLM_CHECK(!y.defined() || (y.sizes() == dy.sizes() && y.is_contiguous()));
  const at::NoGradGuard no_grad;
  switch (path_for({gate_up, dy, y})) {
    case Path::kCpu:
      return cpu::swiglu_backward(dy, gate_up, in_place, y);
    case Path::kCuda:
      return cuda::swiglu_backward(dy, gate_up, in_place, y);
    case Path::kReference:
      break;
  }
  return reference::swiglu_backward(dy, gate_up, in_place, y);
}

}  // namespace llm::kernels
