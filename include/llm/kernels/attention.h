// Causal attention over packed documents:  softmax(q k^T * scale, keys of the same document up to
// the query's own position) v. A document may also continue a prefix that stands earlier in the
// stream: its queries see all keys of the prefix, too, whose own queries see nothing of it. So two
// answers to one prompt need the prompt but once.
//
// cu_seqlens [N + 1] int32 holds the documents' borders in the token stream; its capacity is fixed
// and the tail repeats the last border (empty documents). Grouped-query attention: query head h
// reads kv head h / (H / Hkv). Softmax in fp32. Letters: T tokens, H heads, Hkv kv heads, K head
// dim, S cached tokens.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace llm::kernels {

// Tokens [begin, begin + length) of the stream; length 0: none.
struct TokenSpan {
  int32_t begin = 0;
  int32_t length = 0;
};

struct AttentionShape {
  at::Tensor cu_seqlens;   // [N + 1] int32, on q's device
  int64_t max_seqlen = 0;  // longest document
  double scale = 0;        // 1 / sqrt(K) as a rule
  // On the host, one for each document that is not empty, each before its document; or empty: no
  // document has one. CPU alone.
  std::vector<TokenSpan> prefixes = {};
};

// Differentiable. Inputs may be strided views of one fused QKV tensor (last dimension contiguous).
at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                     const AttentionShape& shape);  // [T, H, K], [T, Hkv, K] x 2 -> [T, H, K]

struct AttentionOutput {
  at::Tensor out;  // [T, H, K]
  at::Tensor
      lse;  // log-sum-exp of the scaled scores, fp32, backend's own layout; what backward needs
};
AttentionOutput attention_forward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                  const AttentionShape& shape);

struct AttentionGradients {
  at::Tensor dq, dk, dv;  // shapes of q, k, v
};
// When `into` is defined ([T, H + 2 Hkv, K], contiguous), dq, dk, dv are written there and returned
// as its views.
AttentionGradients attention_backward(const at::Tensor& dout, const at::Tensor& q,
                                      const at::Tensor& k, const at::Tensor& v,
                                      const AttentionOutput& forward, const AttentionShape& shape,
                                      const at::Tensor& into = {});

// Decoding and chunked prefill of one sequence against its cache, no autograd: query i attends keys
// 0 .. S - T + i.
at::Tensor attention_cached(const at::Tensor& q, const at::Tensor& k_cache,
                            const at::Tensor& v_cache,
                            double scale);  // [T, H, K], [S, Hkv, K] x 2 -> [T, H, K]

}  // namespace llm::kernels
