#include "kernels/cuda/swiglu_kernels.h"

namespace llm::kernels::cuda {
namespace {

constexpr int kThreads = 256;

template <class T, bool kPacked>
__global__ void swiglu_kernel(SwigluLaunch p) {
  using Values = Access<T, kPacked>;
  const int64_t row = blockIdx.x;
  const int64_t width = p.gate_up_rows.width / 2;
  const T* gate = static_cast<const T*>(p.gate_up) + p.gate_up_rows.offset(row);
  const T* dy = p.dy ? static_cast<const T*>(p.dy) + p.dy_rows.offset(row) : nullptr;
  T* grad = static_cast<T*>(p.grad) +
            (p.in_place ? p.gate_up_rows.offset(row) : row * p.gate_up_rows.width);
  T* y = p.y ? static_cast<T*>(p.y) + row * width : nullptr;
  for (int64_t i = threadIdx.x * Values::kCount; i < width; i += blockDim.x * Values::kCount) {
    const Values g = Values::load(gate + i), u = Values::load(gate + width + i);
    Values d{}, dgate, dup, out;
    if (dy != nullptr) d = Values::load(dy + i);
#pragma unroll
    for (int j = 0; j < Values::kCount; ++j) {
      const float x = to_float(g.values[j]), up = to_float(u.values[j]);
      const float upstream = to_float(d.values[j]);
      const float s = 1.0f / (1.0f + __expf(-x));
      const float silu = x * s;
      out.values[j] = static_cast<T>(silu * up);
      dgate.values[j] = static_cast<T>(upstream * up * (s + silu * (1.0f - s)));
      dup.values[j] = static_cast<T>(upstream * silu);
    }
    if (y != nullptr) out.store(y + i);
    if (dy == nullptr) continue;
    dgate.store(grad + i);
    dup.store(grad + width + i);
  }
}

}  // namespace

void launch_swiglu(const SwigluLaunch& p, cudaStream_t stream) {
  const unsigned blocks = static_cast<unsigned>(p.gate_up_rows.count);
  Rows halves = p.gate_up_rows;
  halves.width /= 2;
  const int64_t size = element_size(p.type);
  const bool packed = fits_packs(halves, size, {p.gate_up, p.grad, p.y}) &&
                      (p.dy == nullptr || fits_packs(p.dy_rows, size, {p.dy}));
  if (p.type == Type::kFloat) {
    if (packed)
      swiglu_kernel<float, true><<<blocks, kThreads, 0, stream>>>(p);
    else
      swiglu_kernel<float, false><<<blocks, kThreads, 0, stream>>>(p);
  } else {
    if (packed)
      swiglu_kernel<__nv_bfloat16, true><<<blocks, kThreads, 0, stream>>>(p);
    else
      swiglu_kernel<__nv_bfloat16, false><<<blocks, kThreads, 0, stream>>>(p);
  }
}

}  // namespace llm::kernels::cuda
