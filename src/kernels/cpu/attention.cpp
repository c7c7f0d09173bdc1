#include "kernels/cpu/attention.h"

#include <ATen/ATen.h>

namespace llm::kernels::cpu {
namespace {

// [T, H, K] -> a run of tokens as ATen wants it, [1, H, n, K], a view.
at::Tensor span_of(const at::Tensor& x, const TokenSpan& span) {
  return x.narrow(0, span.begin, span.length).transpose(0, 1).unsqueeze(0);
}

// Of lse [T, H]: [1, H, n].
at::Tensor lse_of(const at::Tensor& lse, const TokenSpan& span) {
  return lse.narrow(0, span.begin, span.length).t().contiguous().unsqueeze(0);
}

// Calls body(document, prefix) for each document that is not empty.
template <class Body>
void for_each_document(const AttentionShape& shape, const Body& body) {
  const int* borders = shape.cu_seqlens.const_data_ptr<int>();
  size_t document = 0;
  for (int64_t i = 0; i + 1 < shape.cu_seqlens.size(0); ++i) {
    const TokenSpan tokens{borders[i], borders[i + 1] - borders[i]};
    if (tokens.length == 0) continue;
    body(tokens, shape.prefixes.empty() ? TokenSpan{} : shape.prefixes[document]);
    ++document;
  }
}

struct SpanOutput {
  at::Tensor values;  // [1, H, n, K]
  at::Tensor lse;     // [1, H, n]
};

// Of the document's queries over the keys of `keys`: itself, or a prefix, which they see whole.
SpanOutput attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                  const TokenSpan& keys, bool is_causal, double scale) {
  const auto [values, lse] = at::_scaled_dot_product_flash_attention_for_cpu(
      q, span_of(k, keys), span_of(v, keys), /*dropout_p=*/0.0, is_causal, /*attn_mask=*/{}, scale);
  return {values, lse};
}

// Two softmaxes over disjoint keys as one over all of them.
SpanOutput joined(const SpanOutput& a, const SpanOutput& b) {
  const at::Tensor lse = at::logaddexp(a.lse, b.lse);
  const auto weighted = [&](const SpanOutput& part) {
    return part.values * at::exp(part.lse - lse).unsqueeze(-1);
  };
  return {weighted(a).add_(weighted(b)), lse};
}

}  // namespace

AttentionOutput attention_forward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                  const AttentionShape& shape) {
  const AttentionOutput out{at::empty(q.sizes(), q.options()),
                            at::empty({q.size(0), q.size(1)}, q.options())};
  for_each_document(shape, [&](const TokenSpan& tokens, const TokenSpan& prefix) {
    const at::Tensor queries = span_of(q, tokens);
    SpanOutput result = attend(queries, k, v, tokens, /*is_causal=*/true, shape.scale);
    if (prefix.length > 0) {
      result = joined(result, attend(queries, k, v, prefix, /*is_causal=*/false, shape.scale));
    }
    span_of(out.out, tokens).copy_(result.values);
    out.lse.narrow(0, tokens.begin, tokens.length).copy_(result.lse.squeeze(0).t());
  });
  return out;
}

// The gradient of a softmax over a part of its keys needs the output and log-sum-exp over all.
void attention_backward(const at::Tensor& dout, const at::Tensor& q, const at::Tensor& k,
                        const at::Tensor& v, const AttentionOutput& forward,
                        const AttentionShape& shape, const AttentionGradients& grads) {
  for_each_document(shape, [&](const TokenSpan& tokens, const TokenSpan& prefix) {
    const at::Tensor lse = lse_of(forward.lse, tokens);
    const auto backward_of = [&](const TokenSpan& keys, bool is_causal) {
      return at::_scaled_dot_product_flash_attention_for_cpu_backward(
          span_of(dout, tokens), span_of(q, tokens), span_of(k, keys), span_of(v, keys),
          span_of(forward.out, tokens), lse, /*dropout_p=*/0.0, is_causal, /*attn_mask=*/{},
          shape.scale);
    };
    const auto [dq, dk, dv] = backward_of(tokens, /*is_causal=*/true);
    span_of(grads.dq, tokens).copy_(dq);
    span_of(grads.dk, tokens).copy_(dk);
    span_of(grads.dv, tokens).copy_(dv);
    if (prefix.length == 0) return;
    const auto [more_dq, prefix_dk, prefix_dv] = backward_of(prefix, /*is_causal=*/false);
    span_of(grads.dq, tokens).add_(more_dq);
    span_of(grads.dk, prefix).add_(prefix_dk);
    span_of(grads.dv, prefix).add_(prefix_dv);
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
