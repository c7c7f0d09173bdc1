#include <cmath>

#include "kernels/cuda/softmax_rows_kernels.h"

namespace llm::kernels::cuda {
namespace {

constexpr int kThreads = 1024;

struct Min {
  __device__ long long operator()(long long a, long long b) const { return a < b ? a : b; }
};

// Returns the log-sum-exp of the row.
__device__ float row_statistics(const SoftmaxLaunch& p, const float* z, int64_t row) {
  float largest = -INFINITY;
  for (int64_t i = threadIdx.x; i < p.width; i += blockDim.x) largest = fmaxf(largest, z[i]);
  largest = reduce_block(largest, Max(), -INFINITY);
  float sum = 0, moment = 0;
  for (int64_t i = threadIdx.x; i < p.width; i += blockDim.x) {
    const float x = z[i] - largest;
    const float e = expf(x);
    sum += e;
    if (p.entropy) moment += e * fmaxf(x, -1e30f);
  }
  sum = reduce_block(sum, Sum(), 0.0f);
  if (p.entropy) moment = reduce_block(moment, Sum(), 0.0f);
  long long first = p.width;
  if (p.hits) {
    for (int64_t i = threadIdx.x; i < p.width && first == p.width; i += blockDim.x) {
      if (z[i] == largest) first = i;
    }
    first = reduce_block(first, Min(), static_cast<long long>(p.width));
  }
  const float log_sum = logf(sum);
  if (threadIdx.x == 0) {
    const int64_t target = p.targets[row];
    p.logprob[row] = (z[target] - largest) - log_sum;
    if (p.lse) p.lse[row] = largest + log_sum;
    if (p.entropy) p.entropy[row] = log_sum - moment / sum;
    if (p.hits) p.hits[row] = first == target;
  }
  return largest + log_sum;
}

// Half-type gradients are narrower than the logits they replace: the write of a stretch reaches
// only memory that the block has read, once all of its threads have read theirs.
template <class T>
__device__ void row_gradient(const SoftmaxLaunch& p, float* z, int64_t row, float lse) {
  const float coefficient = p.coefficients ? p.coefficients[row] : p.coefficient;
  const int64_t target = p.targets[row];
  T* out = reinterpret_cast<T*>(z);
  for (int64_t start = 0; start < p.width; start += blockDim.x) {
    const int64_t i = start + threadIdx.x;
    const float logit = i < p.width ? z[i] : 0.0f;
    __syncthreads();
    if (i < p.width) {
      out[i] = static_cast<T>(coefficient * ((i == target ? 1.0f : 0.0f) - expf(logit - lse)));
    }
  }
}

template <class T>
__global__ void softmax_kernel(SoftmaxLaunch p) {
  const int64_t row = blockIdx.x;
  float* z = p.logits + row * p.width;
  const float lse = p.logprob ? row_statistics(p, z, row) : p.lse[row];
  __syncthreads();
  if (p.with_gradient) row_gradient<T>(p, z, row, lse);
}

}  // namespace

void launch_softmax_rows(const SoftmaxLaunch& p, cudaStream_t stream) {
  const unsigned blocks = static_cast<unsigned>(p.rows);
  if (p.gradient_type == Type::kFloat)
    softmax_kernel<float><<<blocks, kThreads, 0, stream>>>(p);
  else
    softmax_kernel<__nv_bfloat16><<<blocks, kThreads, 0, stream>>>(p);
}

}  // namespace llm::kernels::cuda
