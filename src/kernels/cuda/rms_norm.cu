#include "kernels/cuda/rms_norm_kernels.h"

namespace llm::kernels::cuda {
namespace {

constexpr int kThreads = 256;

template <class T, bool kPacked>
__global__ void forward_kernel(RmsNormLaunch p) {
  using Values = Access<T, kPacked>;
  const int64_t row = blockIdx.x;
  const int64_t width = p.x_rows.width;
  const T* x = static_cast<const T*>(p.x) + p.x_rows.offset(row);
  const T* residual = static_cast<const T*>(p.residual);
  const T* weight = static_cast<const T*>(p.weight);
  T* sum = static_cast<T*>(p.sum) + row * width;
  T* y = static_cast<T*>(p.y) + row * width;
  float squares = 0;
  if (!p.recompute) {
    for (int64_t i = threadIdx.x * Values::kCount; i < width; i += blockDim.x * Values::kCount) {
      Values v = Values::load(x + i);
      if (residual != nullptr) {
        const Values r = Values::load(residual + row * width + i);
#pragma unroll
        for (int j = 0; j < Values::kCount; ++j) {
          v.values[j] = static_cast<T>(to_float(v.values[j]) + to_float(r.values[j]));
        }
        v.store(sum + i);
      }
#pragma unroll
      for (int j = 0; j < Values::kCount; ++j) {
        const float f = to_float(v.values[j]);
        squares += f * f;
      }
    }
    squares = reduce_block(squares, Sum(), 0.0f);
  }
  const float rstd = p.recompute ? p.rstd[row] : rsqrtf(squares / width + p.eps);
  if (!p.recompute && threadIdx.x == 0) p.rstd[row] = rstd;
  const T* from = residual != nullptr ? sum : x;
  for (int64_t i = threadIdx.x * Values::kCount; i < width; i += blockDim.x * Values::kCount) {
    Values v = Values::load(from + i);
    const Values w = Values::load(weight + i);
#pragma unroll
    for (int j = 0; j < Values::kCount; ++j) {
      v.values[j] = static_cast<T>(to_float(v.values[j]) * rstd * to_float(w.values[j]));
    }
    v.store(y + i);
  }
}

// Every thread owns the same columns in all of its block's rows, so that its share of the weight's
// gradient needs no atomics.
template <class T, bool kPacked>
__global__ void backward_kernel(RmsNormBackwardLaunch p) {
  using Values = Access<T, kPacked>;
  const int64_t width = p.x_rows.width;
  const T* weight = static_cast<const T*>(p.weight);
  const T* residual = static_cast<const T*>(p.residual_grad);
  float* partials = p.weight_partials ? p.weight_partials + blockIdx.x * width : nullptr;
  for (int64_t row = blockIdx.x; row < p.x_rows.count; row += gridDim.x) {
    const T* x = static_cast<const T*>(p.x) + p.x_rows.offset(row);
    const T* dy = static_cast<const T*>(p.dy) + p.dy_rows.offset(row);
    T* dx = static_cast<T*>(p.dx) + row * width;
    const float rstd = p.rstd[row];
    float dot = 0;
    for (int64_t i = threadIdx.x * Values::kCount; i < width; i += blockDim.x * Values::kCount) {
      const Values g = Values::load(dy + i), v = Values::load(x + i), w = Values::load(weight + i);
#pragma unroll
      for (int j = 0; j < Values::kCount; ++j) {
        const float scaled = to_float(g.values[j]) * to_float(v.values[j]);
        dot += scaled * to_float(w.values[j]);
        if (partials != nullptr) partials[i + j] += scaled * rstd;
      }
    }
    const float pull = reduce_block(dot, Sum(), 0.0f) * rstd * rstd * rstd / width;
    for (int64_t i = threadIdx.x * Values::kCount; i < width; i += blockDim.x * Values::kCount) {
      const Values g = Values::load(dy + i), v = Values::load(x + i), w = Values::load(weight + i);
      Values past{}, out;
      if (residual != nullptr) past = Values::load(residual + row * width + i);
#pragma unroll
      for (int j = 0; j < Values::kCount; ++j) {
        const float own =
            to_float(g.values[j]) * to_float(w.values[j]) * rstd - to_float(v.values[j]) * pull;
        out.values[j] = static_cast<T>(own + (residual ? to_float(past.values[j]) : 0.0f));
      }
      out.store(dx + i);
    }
  }
}

}  // namespace

void launch_rms_norm(const RmsNormLaunch& p, cudaStream_t stream) {
  const unsigned blocks = static_cast<unsigned>(p.x_rows.count);
  const bool packed =
      fits_packs(p.x_rows, element_size(p.type), {p.x, p.residual, p.weight, p.sum, p.y});
  if (p.type == Type::kFloat) {
    if (packed)
      forward_kernel<float, true><<<blocks, kThreads, 0, stream>>>(p);
    else
      forward_kernel<float, false><<<blocks, kThreads, 0, stream>>>(p);
  } else {
    if (packed)
      forward_kernel<__nv_bfloat16, true><<<blocks, kThreads, 0, stream>>>(p);
    else
      forward_kernel<__nv_bfloat16, false><<<blocks, kThreads, 0, stream>>>(p);
  }
}

void launch_rms_norm_backward(const RmsNormBackwardLaunch& p, cudaStream_t stream) {
  const bool packed =
      fits_packs(p.x_rows, element_size(p.type), {p.x, p.weight, p.residual_grad, p.dx}) &&
      fits_packs(p.dy_rows, element_size(p.type), {p.dy});
  if (p.type == Type::kFloat) {
    if (packed)
      backward_kernel<float, true><<<p.blocks, kThreads, 0, stream>>>(p);
    else
      backward_kernel<float, false><<<p.blocks, kThreads, 0, stream>>>(p);
  } else {
    if (packed)
      backward_kernel<__nv_bfloat16, true><<<p.blocks, kThreads, 0, stream>>>(p);
    else
      backward_kernel<__nv_bfloat16, false><<<p.blocks, kThreads, 0, stream>>>(p);
  }
}

}  // namespace llm::kernels::cuda
