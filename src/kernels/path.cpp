#include "kernels/path.h"

#include "llm/core/check.h"
#include "llm/kernels/backend.h"

namespace llm::kernels {

Path path_for(std::initializer_list<at::Tensor> tensors) {
  const at::Tensor* first = nullptr;
  bool all_fp32 = true;
  for (const at::Tensor& tensor : tensors) {
    if (!tensor.defined()) continue;
    if (first == nullptr) first = &tensor;
    LLM_CHECK(tensor.device() == first->device(), "tensors on {} and {}", tensor.device().str(),
              first->device().str());
    all_fp32 = all_fp32 && tensor.scalar_type() == at::kFloat;
  }
  LLM_CHECK(first != nullptr, "no tensor is defined");
  if (backend() == Backend::kReference) return Path::kReference;
  if (first->is_cuda()) {
    const at::ScalarType type = first->scalar_type();
    return type == at::kFloat || type == at::kBFloat16 ? Path::kCuda : Path::kReference;
  }
  return first->is_cpu() && all_fp32 ? Path::kCpu : Path::kReference;
}

}  // namespace llm::kernels
