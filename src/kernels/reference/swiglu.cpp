#include "kernels/reference/swiglu.h"

#include <ATen/ATen.h>

#include "kernels/path.h"
#include "kernels/reference/vector_jacobian.h"

namespace llm::kernels::reference {

at::Tensor swiglu(const at::Tensor& gate_up) {
  const std::vector<at::Tensor> parts = gate_up.to(statistics_type(gate_up)).chunk(2, -1);
  return (parts[0] * at::sigmoid(parts[0]) * parts[1]).to(gate_up.scalar_type());
}

at::Tensor swiglu_backward(const at::Tensor& dy, const at::Tensor& gate_up, bool in_place,
                           const at::Tensor& y) {
  const auto forward = [](const std::vector<at::Tensor>& inputs) { return swiglu(inputs[0]); };
  const at::Tensor grad = vector_jacobian(forward, {gate_up}, dy)[0];
  if (y.defined()) y.copy_(swiglu(gate_up));
  if (!in_place) return grad;
  gate_up.copy_(grad);
  return gate_up;
}

}  // namespace llm::kernels::reference
