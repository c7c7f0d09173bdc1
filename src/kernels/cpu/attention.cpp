#include "kernels/cpu/attention.h"

#include <ATen/ATen.h>

namespace llm::kernels::cpu {
namespace {

// [T, H, K] -> one document as ATen wants it, [1, H, n, K], a view.
at::Tensor document(const at::Tensor& x, int64_t begin, int64_t length) {
  return x.narrow(0, begin, length).transpose(0, 1).unsqueeze(0);
}

template <class Body>
void for_each_document(const at::Tensor& cu_seqlens, const Body& body) {
  const int* borders = cu_seqlens.const_data_ptr<int>();
  for (int64_t i = 0; i + 1 < cu_seqlens.size(0); ++i) {
    if (borders[i + 1] > borders[i]) body(borders[i], borders[i + 1] - borders[i]);
  }
}

}  // namespace

AttentionOutput attention_forward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                  const AttentionShape& shape) {
  const AttentionOutput out{at::empty(q.sizes(), q.options()),
                            at::empty({q.size(0), q.size(1)}, q.options())};
  for_each_document(shape.cu_seqlens, [&](int64_t begin, int64_t length) {
    const auto [values, lse] = at::_scaled_dot_product_flash_attention_for_cpu(
        document(q, begin, length), document(k, begin, length), document(v, begin, length),
        /*dropout_p=*/0.0, /*is_causal=*/true, /*attn_mask=*/{}, shape.scale);
    document(out.out, begin, length).copy_(values);
    out.lse.narrow(0, begin, length).copy_(lse.squeeze(0).t());
  });
  return out;
}

void attention_backward(const at::Tensor& dout, const at::Tensor& q, const at::Tensor& k,
                        const at::Tensor& v, const AttentionOutput& forward,
                        const AttentionShape& shape, const AttentionGradients& grads) {
  for_each_document(shape.cu_seqlens, [&](int64_t begin, int64_t length) {
    const at::Tensor lse = forward.lse.narrow(0, begin, length).t().contiguous().unsqueeze(0);
    const auto [dq, dk, dv] = at::_scaled_dot_product_flash_attention_for_cpu_backward(
        document(dout, begin, length), document(q, begin, length), document(k, begin, length),
        document(v, begin, length), document(forward.out, begin, length), lse, /*dropout_p=*/0.0,
        /*is_causal=*/true, /*attn_mask=*/{}, shape.scale);
    document(grads.dq, begin, length).copy_(dq);
    document(grads.dk, begin, length).copy_(dk);
    document(grads.dv, begin, length).copy_(dv);
  });
}

at::Tensor attention_cached(const at::Tensor& q, const at::Tensor& k_cache,
                            const at::Tensor& v_cache, double scale) {
  const int64_t group = q.size(1) / k_cache.size(1);
  const auto heads_first = [](const at::Tensor& x) { return x.transpose(0, 1); };
  const at::Tensor queries = q.reshape({q.size(0), k_cache.size(1), group, q.size(2)})
                                 .permute({1, 2, 0, 3})
                                 .reshape({k_cache.size(1), group * q.size(0), q.size(2)});
  at::Tensor scores = at::bmm(queries, heads_first(k_cache).transpose(1, 2))
                          .mul_(scale)
                          .view({k_cache.size(1), group, q.size(0), k_cache.size(0)});
  if (q.size(0) > 1) {
    const at::Tensor hidden =
        at::ones({q.size(0), k_cache.size(0)}, at::kBool).triu(k_cache.size(0) - q.size(0) + 1);
    scores.masked_fill_(hidden, -std::numeric_limits<double>::infinity());
  }
  const at::Tensor weights = at::softmax(scores, -1).flatten(1, 2);
  return at::bmm(weights, heads_first(v_cache))
      .view({k_cache.size(1), group, q.size(0), q.size(2)})
      .permute({2, 0, 1, 3})
      .reshape(q.sizes());
}

}  // namespace llm::kernels::cpu
