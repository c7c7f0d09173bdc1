#include "kernels/reference/attention.h"

#include <ATen/ATen.h>

#include <limits>

#include "kernels/path.h"
#include "kernels/reference/vector_jacobian.h"

namespace llm::kernels::reference {
namespace {

struct Scores {
  at::Tensor scores;  // [H, Q, S]
  at::Tensor values;  // [H, S, K]
};

// Query i of Q sees keys 0 .. S - Q + i.
Scores causal_scores(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, double scale) {
  const at::ScalarType type = statistics_type(q);
  const int64_t queries_per_kv = q.size(1) / k.size(1);
  const auto heads_first = [&](const at::Tensor& x, int64_t repeats) {
    return x.to(type).transpose(0, 1).repeat_interleave(repeats, 0);  // [H, T, K]
  };
  const at::Tensor hidden = at::ones({q.size(0), k.size(0)}, q.options().dtype(at::kBool))
                                .triu(k.size(0) - q.size(0) + 1);
  const at::Tensor scores =
      at::matmul(heads_first(q, 1), heads_first(k, queries_per_kv).transpose(1, 2)) * scale;
  return {scores.masked_fill(hidden, -std::numeric_limits<double>::infinity()),
          heads_first(v, queries_per_kv)};
}

at::Tensor weighted_values(const Scores& s) {  // -> [Q, H, K]
  return at::matmul(at::softmax(s.scores, -1), s.values).transpose(0, 1);
}

// Calls body(scores of a document) for each one that is not empty.
template <class Body>
void for_each_document(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                       const AttentionShape& shape, const Body& body) {
  const at::Tensor borders = shape.cu_seqlens.cpu();
  size_t document = 0;
  for (int64_t i = 0; i + 1 < borders.size(0); ++i) {
    const int64_t begin = borders[i].item<int>();
    const int64_t length = borders[i + 1].item<int>() - begin;
    if (length == 0) continue;
    const TokenSpan prefix = shape.prefixes.empty() ? TokenSpan{} : shape.prefixes[document++];
    const auto with_prefix = [&](const at::Tensor& x) {
      return at::cat({x.narrow(0, prefix.begin, prefix.length), x.narrow(0, begin, length)});
    };
    body(causal_scores(q.narrow(0, begin, length), with_prefix(k), with_prefix(v), shape.scale));
  }
}

}  // namespace

at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                     const AttentionShape& shape) {
  std::vector<at::Tensor> outputs = {q.narrow(0, 0, 0)};
  for_each_document(q, k, v, shape, [&](const Scores& s) {
    outputs.push_back(weighted_values(s).to(q.scalar_type()));
  });
  return at::cat(outputs, 0);
}

AttentionOutput attention_forward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                  const AttentionShape& shape) {
  std::vector<at::Tensor> lse = {at::empty({0, q.size(1)}, q.options().dtype(statistics_type(q)))};
  for_each_document(q, k, v, shape, [&](const Scores& s) {
    lse.push_back(at::logsumexp(s.scores, {-1}).transpose(0, 1));
  });
  return {reference::attention(q, k, v, shape), at::cat(lse, 0)};  // lse [T, H]
}

void attention_backward(const at::Tensor& dout, const at::Tensor& q, const at::Tensor& k,
                        const at::Tensor& v, const AttentionOutput& /*forward*/,
                        const AttentionShape& shape, const AttentionGradients& grads) {
  if (q.size(0) == 0) return;
  const auto forward = [&](const std::vector<at::Tensor>& inputs) {
    return reference::attention(inputs[0], inputs[1], inputs[2], shape);
  };
  const std::vector<at::Tensor> result = vector_jacobian(forward, {q, k, v}, dout);
  grads.dq.copy_(result[0]);
  grads.dk.copy_(result[1]);
  grads.dv.copy_(result[2]);
}

at::Tensor attention_cached(const at::Tensor& q, const at::Tensor& k_cache,
                            const at::Tensor& v_cache, double scale) {
  return weighted_values(causal_scores(q, k_cache, v_cache, scale)).to(q.scalar_type());
}

}  // namespace llm::kernels::reference
