#include "kernels/cuda/attention.h"

#include <ATen/ATen.h>

#include "kernels/reference/attention.h"

namespace llm::kernels::cuda {
namespace {

// What LibTorch's variable-length flash attention takes; the rest goes to the reference.
bool fits_flash(const at::Tensor& q) {
  return q.scalar_type() == at::kBFloat16 && q.size(2) % 8 == 0 && q.size(2) <= 256 &&
         q.size(0) > 0;
}

}  // namespace

AttentionOutput attention_forward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                  const AttentionShape& shape) {
  if (!fits_flash(q)) return reference::attention_forward(q, k, v, shape);
  const auto result = at::_flash_attention_forward(
      q, k, v, shape.cu_seqlens, shape.cu_seqlens, shape.max_seqlen, shape.max_seqlen,
      /*dropout_p=*/0.0, /*is_causal=*/true, /*return_debug_mask=*/false, shape.scale);
  return {std::get<0>(result), std::get<1>(result)};
}

void attention_backward(const at::Tensor& dout, const at::Tensor& q, const at::Tensor& k,
                        const at::Tensor& v, const AttentionOutput& forward,
                        const AttentionShape& shape, const AttentionGradients& grads) {
  if (!fits_flash(q)) {
    return reference::attention_backward(dout, q, k, v, forward, shape, grads);
  }
  // Without dropout the random state is not read, but has to be there.
  const at::Tensor rng_state = at::empty({2}, q.options().dtype(at::kUInt64));
  const auto [dq, dk, dv] = at::_flash_attention_backward(
      dout, q, k, v, forward.out, forward.lse, shape.cu_seqlens, shape.cu_seqlens, shape.max_seqlen,
      shape.max_seqlen, /*dropout_p=*/0.0, /*is_causal=*/true, rng_state,
      at::empty({}, rng_state.options()), shape.scale);
  grads.dq.copy_(dq);
  grads.dk.copy_(dk);
  grads.dv.copy_(dv);
}

at::Tensor attention_cached(const at::Tensor& q, const at::Tensor& k_cache,
                            const at::Tensor& v_cache, double scale) {
  const auto batched = [](const at::Tensor& x) { return x.transpose(0, 1).unsqueeze(0); };
  const int64_t queries = q.size(0), keys = k_cache.size(0);
  at::Tensor k = batched(k_cache), v = batched(v_cache);
  std::optional<at::Tensor> mask;  // [T, S], true where query i sees key j
  if (queries > 1 && queries < keys) {
    mask = at::ones({queries, keys}, q.options().dtype(at::kBool)).tril(keys - queries);
    // The fused kernels that take a mask take no grouped heads.
    k = k.repeat_interleave(q.size(1) / k.size(1), 1);
    v = v.repeat_interleave(q.size(1) / v.size(1), 1);
  }
  const bool causal = queries > 1 && !mask.has_value();
  return at::scaled_dot_product_attention(batched(q), k, v, mask, /*dropout_p=*/0.0, causal, scale,
                                          /*enable_gqa=*/true)
      .squeeze(0)
      .transpose(0, 1)
      .contiguous();
}

}  // namespace llm::kernels::cuda
