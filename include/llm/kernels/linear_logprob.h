// Log-probabilities of target tokens from hidden states and the head weight, without ever holding
// the logits as a whole:
//   logprob[t] = z[t, target[t]] - logsumexp(z[t, :]),  z = hidden W^T.
// A frozen weight may be of another type than the hidden states, as in linear.h.
// Tokens are worked through in chunks; at most one chunk of logits [C, V] lives. Statistics and
// reductions in fp32. Tokens whose target is kIgnoreTarget cost nothing and get logprob 0. Letters:
// T tokens, D model dim, V vocabulary, C chunk.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace llm::kernels {

inline constexpr int64_t kIgnoreTarget = -100;

struct LogprobOptions {
  int64_t chunk_tokens = 0;   // 0: chosen from V and the device
  bool with_entropy = false;  // also -sum p log p
  bool with_hits = false;     // also argmax z == target
};

// Bytes of the one chunk of logits that lives at a time, for memory plans.
int64_t logit_chunk_bytes(int64_t num_trained, int64_t vocab_size, bool on_cuda);

struct LogprobOutput {
  at::Tensor logprob;  // [T] fp32
  at::Tensor entropy;  // [T] fp32, when asked
  at::Tensor hits;     // [T] bool, when asked
};

// Mode `none`: values only, no gradients.
LogprobOutput linear_logprob(const at::Tensor& hidden, const at::Tensor& weight,
                             const at::Tensor& targets, const LogprobOptions& options = {});

// Mode `known_scale`: loss = -scale * sum(logprob). One pass: each chunk's logits become dlogits in
// place, dW goes straight into weight.grad when that is defined, dhidden is returned. The caller
// hands it to autograd::backward on `hidden`.
struct ScaledLoss {
  at::Tensor logprob_sum;  // [] fp32, unscaled sum over trained tokens
  at::Tensor dhidden;      // [T, D], gradient of -scale * sum(logprob)
  at::Tensor entropy_sum;  // [] fp32, when asked
  at::Tensor hits;         // [] int64, number of argmax hits, when asked
};
ScaledLoss linear_logprob_known_scale(const at::Tensor& hidden, const at::Tensor& weight,
                                      const at::Tensor& targets, double scale,
                                      const LogprobOptions& options = {});

// Mode `deferred`: differentiable in hidden and weight for arbitrary upstream gradients of logprob;
// saves the log-sum-exp and recomputes each chunk's logits in backward. dW goes straight into
// weight.grad when that is preset.
LogprobOutput linear_logprob_deferred(const at::Tensor& hidden, const at::Tensor& weight,
                                      const at::Tensor& targets,
                                      const LogprobOptions& options = {});

}  // namespace llm::kernels
