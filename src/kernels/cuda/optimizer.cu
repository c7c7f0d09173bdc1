#include <algorithm>

#include "kernels/cuda/optimizer_kernels.h"

namespace llm::kernels::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kMaxBlocks = 4096;

template <bool kPacked>
__global__ void adamw_kernel(AdamwLaunch p) {
  using Values = Access<float, kPacked>;
  const int64_t stride = static_cast<int64_t>(gridDim.x) * blockDim.x * Values::kCount;
  for (int64_t i = (static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) * Values::kCount;
       i < p.count; i += stride) {
    Values w = Values::load(p.weight + i), m = Values::load(p.exp_avg + i);
    Values v = Values::load(p.exp_avg_sq + i);
    const Values grad = Values::load(p.grad + i);
#pragma unroll
    for (int j = 0; j < Values::kCount; ++j) {
      const float g = grad.values[j] * p.grad_scale;
      m.values[j] = m.values[j] * p.beta1 + g * p.rest1;
      v.values[j] = v.values[j] * p.beta2 + g * g * p.rest2;
      w.values[j] = w.values[j] * p.decay -
                    p.step_size * m.values[j] / (sqrtf(v.values[j]) * p.root_scale + p.eps);
    }
    w.store(p.weight + i);
    m.store(p.exp_avg + i);
    v.store(p.exp_avg_sq + i);
  }
}

template <class T>
__global__ void norm_kernel(NormLaunch p) {
  const T* x = static_cast<const T*>(p.x);
  const int64_t stride = static_cast<int64_t>(gridDim.x) * blockDim.x;
  float sum = 0;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < p.count;
       i += stride) {
    const float value = to_float(x[i]);
    sum += value * value;
  }
  sum = reduce_block(sum, Sum(), 0.0f);
  if (threadIdx.x == 0) p.partials[blockIdx.x] = sum;
}

__global__ void total_kernel(NormLaunch p) {
  double sum = 0;
  for (int i = threadIdx.x; i < kNormBlocks; i += blockDim.x) sum += p.partials[i];
  sum = reduce_block(sum, Sum(), 0.0);
  if (threadIdx.x == 0) *p.total = sum;
}

}  // namespace

void launch_adamw(const AdamwLaunch& p, cudaStream_t stream) {
  const Rows one{1, p.count, 1, 0, 0};
  const bool packed = fits_packs(one, 4, {p.weight, p.grad, p.exp_avg, p.exp_avg_sq});
  const int64_t items = packed ? p.count / 4 : p.count;
  const int blocks =
      static_cast<int>(std::clamp<int64_t>((items + kThreads - 1) / kThreads, 1, kMaxBlocks));
  if (packed)
    adamw_kernel<true><<<blocks, kThreads, 0, stream>>>(p);
  else
    adamw_kernel<false><<<blocks, kThreads, 0, stream>>>(p);
}

void launch_squared_norm(const NormLaunch& p, cudaStream_t stream) {
  if (p.type == Type::kFloat)
    norm_kernel<float><<<kNormBlocks, kThreads, 0, stream>>>(p);
  else
    norm_kernel<__nv_bfloat16><<<kNormBlocks, kThreads, 0, stream>>>(p);
  total_kernel<<<1, kThreads, 0, stream>>>(p);
}

}  // namespace llm::kernels::cuda
