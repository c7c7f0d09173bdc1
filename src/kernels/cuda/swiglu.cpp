#include "kernels/cuda/swiglu.h"

#include <ATen/ATen.h>

#include <vector>

#include "kernels/cuda/glue.h"
#include "kernels/cuda/swiglu_kernels.h"

namespace llm::kernels::cuda {

at::Tensor swiglu_forward(const at::Tensor& given) {
  const at::Tensor gate_up = as_rows(given);
  std::vector<int64_t> sizes = gate_up.sizes().vec();
  sizes.back() /= 2;
  const at::Tensor y = at::empty(sizes, gate_up.options());
  if (y.numel() == 0) return y;
  start(gate_up, launch_swiglu,
        SwigluLaunch{.type = type_of(gate_up),
                     .gate_up_rows = rows_of(gate_up),
                     .dy_rows = {},
                     .gate_up = gate_up.const_data_ptr(),
                     .dy = nullptr,
                     .grad = nullptr,
                     .in_place = false,
                     .y = y.data_ptr()});
  return y;
}

at::Tensor swiglu_backward(const at::Tensor& given_dy, const at::Tensor& given, bool in_place,
                           const at::Tensor& y) {
  const at::Tensor gate_up = as_rows(given), dy = as_rows(given_dy.to(given.scalar_type()));
  const at::Tensor grad = in_place ? gate_up : at::empty(gate_up.sizes(), gate_up.options());
  if (grad.numel() > 0) {
    start(gate_up, launch_swiglu,
          SwigluLaunch{.type = type_of(gate_up),
                       .gate_up_rows = rows_of(gate_up),
                       .dy_rows = rows_of(dy),
                       .gate_up = gate_up.const_data_ptr(),
                       .dy = dy.const_data_ptr(),
                       .grad = grad.data_ptr(),
                       .in_place = in_place,
                       .y = y.defined() ? y.data_ptr() : nullptr});
  }
  if (in_place && !grad.is_same(given)) given.copy_(grad);
  return in_place ? given : grad;
}

}  // namespace llm::kernels::cuda
