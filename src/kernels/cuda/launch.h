// What the .cu files of this folder share: no LibTorch here, raw pointers and a stream. Numbers are
// read and written 16 bytes at a time where the width and the addresses allow it.
#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include <cstdint>
#include <initializer_list>

namespace llm::kernels::cuda {

enum class Type { kFloat, kBFloat16 };

inline int64_t element_size(Type type) { return type == Type::kFloat ? 4 : 2; }

// Rows of numbers at two levels of stride, in elements; mirrors RowLayout.
struct Rows {
  int64_t count;
  int64_t width;
  int64_t inner;
  int64_t inner_stride;
  int64_t outer_stride;

  __host__ __device__ int64_t offset(int64_t row) const {
    return row / inner * outer_stride + row % inner * inner_stride;
  }
};

#ifdef __CUDACC__

inline constexpr int kWarp = 32;

template <class T>
__device__ inline float to_float(T x) {
  return static_cast<float>(x);
}

// 16 bytes of T.
template <class T>
struct alignas(16) Pack {
  static constexpr int kCount = 16 / sizeof(T);
  T values[kCount];
};

template <class T>
__device__ inline Pack<T> load_pack(const T* from) {
  return *reinterpret_cast<const Pack<T>*>(from);
}

template <class T>
__device__ inline void store_pack(T* to, const Pack<T>& pack) {
  *reinterpret_cast<Pack<T>*>(to) = pack;
}

// One pack or, where packs do not fit, one number at a time.
template <class T, bool kPacked>
struct Access {
  static constexpr int kCount = kPacked ? Pack<T>::kCount : 1;
  T values[kCount];

  __device__ static Access load(const T* from) {
    Access out;
    if constexpr (kPacked) {
      const Pack<T> pack = load_pack(from);
#pragma unroll
      for (int i = 0; i < kCount; ++i) out.values[i] = pack.values[i];
    } else {
      out.values[0] = *from;
    }
    return out;
  }

  __device__ void store(T* to) const {
    if constexpr (kPacked) {
      Pack<T> pack;
#pragma unroll
      for (int i = 0; i < kCount; ++i) pack.values[i] = values[i];
      store_pack(to, pack);
    } else {
      *to = values[0];
    }
  }
};

struct Sum {
  template <class T>
  __device__ T operator()(T a, T b) const {
    return a + b;
  }
};
struct Max {
  __device__ float operator()(float a, float b) const { return fmaxf(a, b); }
};

// The result of `op` over the block's values, in every thread, in a fixed order. Requires: all
// threads of the block call it; blockDim.x a multiple of 32.
template <class T, class Op>
__device__ T reduce_block(T value, Op op, T neutral) {
  __shared__ T partials[kWarp];
  for (int step = kWarp / 2; step > 0; step /= 2) {
    value = op(value, __shfl_xor_sync(0xffffffffu, value, step));
  }
  const int lane = threadIdx.x % kWarp;
  if (lane == 0) partials[threadIdx.x / kWarp] = value;
  __syncthreads();
  value = lane < static_cast<int>(blockDim.x) / kWarp ? partials[lane] : neutral;
  for (int step = kWarp / 2; step > 0; step /= 2) {
    value = op(value, __shfl_xor_sync(0xffffffffu, value, step));
  }
  __syncthreads();
  return value;
}

#endif

// True when every pointer and every row start is on a 16-byte border and the width fills packs.
inline bool fits_packs(const Rows& rows, int64_t element_size,
                       std::initializer_list<const void*> p) {
  const int64_t pack = 16 / element_size;
  if (rows.width % pack || rows.inner_stride % pack || rows.outer_stride % pack) return false;
  for (const void* pointer : p) {
    if (reinterpret_cast<uintptr_t>(pointer) % 16) return false;
  }
  return true;
}

}  // namespace llm::kernels::cuda
