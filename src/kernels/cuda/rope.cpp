#include "kernels/cuda/rope.h"

#include "kernels/cuda/glue.h"
#include "kernels/cuda/rope_kernels.h"

namespace llm::kernels::cuda {

void rope_(const at::Tensor& x, const at::Tensor& table, const at::Tensor& positions,
           bool inverse) {
  LLM_CHECK(x.stride(2) == 1, "the head dimension must be contiguous");
  if (x.numel() == 0) return;
  start(x, launch_rope,
        RopeLaunch{.type = type_of(x),
                   .x = x.data_ptr(),
                   .table = table.const_data_ptr<float>(),
                   .positions = positions.const_data_ptr<int>(),
                   .tokens = x.size(0),
                   .heads = x.size(1),
                   .half = table.size(2),
                   .token_stride = x.stride(0),
                   .head_stride = x.stride(1),
                   .sign = inverse ? -1.0f : 1.0f});
}

}  // namespace llm::kernels::cuda
