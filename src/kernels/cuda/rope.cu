#include "kernels/cuda/rope_kernels.h"

namespace llm::kernels::cuda {
namespace {

constexpr int kThreads = 128;

// One block per token; a thread turns one pack (or one number) of both halves of a head.
template <class T, bool kPacked>
__global__ void rope_kernel(RopeLaunch p) {
  using Values = Access<T, kPacked>;
  const int64_t token = blockIdx.x;
  const float* cosine = p.table + p.positions[token] * 2 * p.half;
  const float* sine = cosine + p.half;
  const int64_t per_head = p.half / Values::kCount;
  for (int64_t item = threadIdx.x; item < p.heads * per_head; item += blockDim.x) {
    const int64_t i = item % per_head * Values::kCount;
    T* low = static_cast<T*>(p.x) + token * p.token_stride + item / per_head * p.head_stride + i;
    Values a = Values::load(low), b = Values::load(low + p.half);
#pragma unroll
    for (int j = 0; j < Values::kCount; ++j) {
      const float c = cosine[i + j], s = sine[i + j] * p.sign;
      const float x = to_float(a.values[j]), y = to_float(b.values[j]);
      a.values[j] = static_cast<T>(x * c - y * s);
      b.values[j] = static_cast<T>(y * c + x * s);
    }
    a.store(low);
    b.store(low + p.half);
  }
}

}  // namespace

void launch_rope(const RopeLaunch& p, cudaStream_t stream) {
  const unsigned blocks = static_cast<unsigned>(p.tokens);
  const Rows halves{p.tokens * p.heads, p.half, p.heads, p.head_stride, p.token_stride};
  const bool packed = fits_packs(halves, element_size(p.type), {p.x});
  if (p.type == Type::kFloat) {
    if (packed)
      rope_kernel<float, true><<<blocks, kThreads, 0, stream>>>(p);
    else
      rope_kernel<float, false><<<blocks, kThreads, 0, stream>>>(p);
  } else {
    if (packed)
      rope_kernel<__nv_bfloat16, true><<<blocks, kThreads, 0, stream>>>(p);
    else
      rope_kernel<__nv_bfloat16, false><<<blocks, kThreads, 0, stream>>>(p);
  }
}

}  // namespace llm::kernels::cuda
