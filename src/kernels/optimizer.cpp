#include "llm/kernels/optimizer.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "kernels/cpu/optimizer.h"
#include "kernels/cuda/optimizer.h"
#include "kernels/path.h"
#include "kernels/reference/optimizer.h"
#include "llm/core/check.h"

namespace llm::kernels {

void adamw_(const at::Tensor& weight, const at::Tensor& grad, const at::Tensor& exp_avg,
            const at::Tensor& exp_avg_sq, const AdamwStep& step) {
  for (const at::Tensor& tensor : {weight, grad, exp_avg, exp_avg_sq}) {
    LLM_CHECK(tensor.is_contiguous() && tensor.numel() == weight.numel() &&
                  tensor.scalar_type() == at::kFloat,
              "AdamW works on contiguous fp32 ranges of one length");
  }
  LLM_CHECK(step.step >= 1, "step is {}", step.step);
  const at::NoGradGuard no_grad;
  switch (path_for({weight, grad, exp_avg, exp_avg_sq})) {
    case Path::kCpu:
      return cpu::adamw_(weight, grad, exp_avg, exp_avg_sq, step);
    case Path::kCuda:
      return cuda::adamw_(weight, grad, exp_avg, exp_avg_sq, step);
    case Path::kReference:
      return reference::adamw_(weight, grad, exp_avg, exp_avg_sq, step);
  }
}

at::Tensor squared_norm(const at::Tensor& flat) {
  LLM_CHECK(flat.is_contiguous());
  const at::NoGradGuard no_grad;
  switch (path_for({flat})) {
    case Path::kCpu:
      return cpu::squared_norm(flat);
    case Path::kCuda:
      return cuda::squared_norm(flat);
    case Path::kReference:
      break;
  }
  return reference::squared_norm(flat);
}

}  // namespace llm::kernels
