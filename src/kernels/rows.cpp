#include "kernels/rows.h"

#include "llm/core/check.h"

namespace llm::kernels {
namespace {

// Joins dimensions that step evenly, from the last but one outwards, into at most two levels.
// Returns false when that is not enough.
bool collapse(const at::Tensor& tensor, RowLayout& layout) {
  if (tensor.dim() == 0 || (tensor.stride(-1) != 1 && tensor.size(-1) > 1)) return false;
  layout.width = tensor.size(-1);
  int64_t outer = 1;
  for (int64_t dim = tensor.dim() - 2; dim >= 0; --dim) {
    const int64_t size = tensor.size(dim);
    const int64_t stride = tensor.stride(dim);
    if (size == 1) continue;
    if (layout.inner == 1) {
      layout.inner = size;
      layout.inner_stride = stride;
    } else if (outer == 1 && stride == layout.inner_stride * layout.inner) {
      layout.inner *= size;
    } else if (outer == 1) {
      outer = size;
      layout.outer_stride = stride;
    } else if (stride == layout.outer_stride * outer) {
      outer *= size;
    } else {
      return false;
    }
  }
  layout.count = layout.inner * outer;
  return true;
}

}  // namespace

bool has_row_layout(const at::Tensor& tensor) {
  RowLayout layout;
  return collapse(tensor, layout);
}

RowLayout row_layout(const at::Tensor& tensor) {
  RowLayout layout;
  LLM_CHECK(collapse(tensor, layout), "the tensor's rows are not contiguous at two levels");
  return layout;
}

at::Tensor as_rows(const at::Tensor& tensor) {
  return has_row_layout(tensor) ? tensor : tensor.contiguous();
}

}  // namespace llm::kernels
