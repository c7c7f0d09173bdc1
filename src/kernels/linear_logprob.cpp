#include "llm/kernels/linear_logprob.h"

#include <torch/csrc/autograd/custom_function.h>

#include <ATen/ATen.h>

#include "kernels/logit_chunks.h"
#include "kernels/path.h"
#include "kernels/reference/linear_logprob.h"
#include "llm/core/check.h"

namespace llm::kernels {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

RowStatistics allocate_statistics(const at::Tensor& hidden, int64_t count,
                                  const LogprobOptions& options, bool with_lse) {
  const at::TensorOptions fp32 = hidden.options().dtype(at::kFloat);
  RowStatistics out;
  out.logprob = at::empty({count}, fp32);
  if (with_lse) out.lse = at::empty({count}, fp32);
  if (options.with_entropy) out.entropy = at::empty({count}, fp32);
  if (options.with_hits) out.hits = at::empty({count}, hidden.options().dtype(at::kBool));
  return out;
}

RowStatistics narrow(const RowStatistics& all, const LogitChunk& chunk) {
  const auto part = [&](const at::Tensor& x) {
    return x.defined() ? x.narrow(0, chunk.begin, chunk.count) : x;
  };
  return {part(all.logprob), part(all.lse), part(all.entropy), part(all.hits)};
}

RowStatistics statistics(const LogitChunks& chunks, const at::Tensor& hidden,
                         const LogprobOptions& options, bool with_lse) {
  const RowStatistics all = allocate_statistics(hidden, chunks.num_trained(), options, with_lse);
  chunks.for_each(
      [&](const LogitChunk& chunk) { softmax_statistics(chunk.rows, narrow(all, chunk)); });
  return all;
}

LogprobOutput spread(const LogitChunks& chunks, const RowStatistics& all) {
  LogprobOutput out{chunks.spread(all.logprob), at::Tensor(), at::Tensor()};
  if (all.entropy.defined()) out.entropy = chunks.spread(all.entropy);
  if (all.hits.defined()) out.hits = chunks.spread(all.hits);
  return out;
}

// What a chunk's dlogits [C, V] become: rows of dhidden and a share of dW.
struct HeadGradients {
  at::Tensor dhidden;  // [N, D], undefined when not wanted
  at::Tensor dweight;  // [V, D], added to; undefined when not wanted

  void add(const LogitChunk& chunk, const at::Tensor& dlogits, const at::Tensor& weight) const {
    if (dhidden.defined()) {
      dhidden.narrow(0, chunk.begin, chunk.count).copy_(product(dlogits, weight));
    }
    if (dweight.defined()) add_weight_gradient_(dweight, dlogits, chunk.hidden);
  }
};

struct DeferredFunction : torch::autograd::Function<DeferredFunction> {
  // `side` receives the values that are not differentiable.
  static at::Tensor forward(AutogradContext* context, const at::Tensor& hidden,
                            const at::Tensor& weight, const at::Tensor& targets,
                            const LogprobOptions& options, LogprobOutput* side) {
    const LogitChunks chunks(hidden, weight, targets, options.chunk_tokens);
    const RowStatistics all = statistics(chunks, hidden, options, /*with_lse=*/true);
    context->save_for_backward({hidden, weight, targets, all.lse});
    context->saved_data["chunk_tokens"] = options.chunk_tokens;
    *side = spread(chunks, all);
    return side->logprob;
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const at::NoGradGuard no_grad;
    const variable_list saved = context->get_saved_variables();
    const at::Tensor& hidden = saved[0];
    const at::Tensor& weight = saved[1];
    const LogitChunks chunks(hidden, weight, saved[2], context->saved_data["chunk_tokens"].toInt());
    const at::Tensor coefficients = chunks.gather(grads[0].to(at::kFloat)).contiguous();  // [N]
    const bool preset = has_gradient_buffer(weight);
    HeadGradients out;
    if (context->needs_input_grad(0)) {
      out.dhidden = at::empty({chunks.num_trained(), hidden.size(1)}, hidden.options());
    }
    if (context->needs_input_grad(1)) out.dweight = preset ? weight.grad() : at::zeros_like(weight);
    chunks.for_each([&](const LogitChunk& chunk) {
      const auto part = [&](const at::Tensor& x) { return x.narrow(0, chunk.begin, chunk.count); };
      out.add(
          chunk,
          softmax_gradient_(chunk.rows, part(saved[3]), part(coefficients), hidden.scalar_type()),
          weight);
    });
    return {out.dhidden.defined() ? chunks.spread(out.dhidden) : at::Tensor(),
            preset ? at::Tensor() : out.dweight, at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

}  // namespace

LogprobOutput linear_logprob(const at::Tensor& hidden, const at::Tensor& weight,
                             const at::Tensor& targets, const LogprobOptions& options) {
  const at::NoGradGuard no_grad;
  if (path_for({hidden}) == Path::kReference) {
    return reference::linear_logprob(hidden, weight, targets, options);
  }
  const LogitChunks chunks(hidden, weight, targets, options.chunk_tokens);
  return spread(chunks, statistics(chunks, hidden, options, /*with_lse=*/false));
}

ScaledLoss linear_logprob_known_scale(const at::Tensor& hidden, const at::Tensor& weight,
                                      const at::Tensor& targets, double scale,
                                      const LogprobOptions& options) {
  const at::NoGradGuard no_grad;
  if (path_for({hidden}) == Path::kReference) {
    return reference::linear_logprob_known_scale(hidden, weight, targets, scale, options);
  }
  const LogitChunks chunks(hidden, weight, targets, options.chunk_tokens);
  const RowStatistics all =
      allocate_statistics(hidden, chunks.num_trained(), options, /*with_lse=*/false);
  const HeadGradients grads{at::empty({chunks.num_trained(), hidden.size(1)}, hidden.options()),
                            weight.grad()};
  chunks.for_each([&](const LogitChunk& chunk) {
    const at::Tensor dlogits =
        softmax_scaled_gradient_(chunk.rows, narrow(all, chunk), -scale, hidden.scalar_type());
    grads.add(chunk, dlogits, weight);
  });
  ScaledLoss out{all.logprob.sum(), chunks.spread(grads.dhidden), at::Tensor(), at::Tensor()};
  if (options.with_entropy) out.entropy_sum = all.entropy.sum();
  if (options.with_hits) out.hits = all.hits.sum();
  return out;
}

LogprobOutput linear_logprob_deferred(const at::Tensor& hidden, const at::Tensor& weight,
                                      const at::Tensor& targets, const LogprobOptions& options) {
  if (path_for({hidden}) == Path::kReference) {
    return reference::linear_logprob(hidden, weight, targets, options);
  }
  LogprobOutput out;
  const at::Tensor logprob = DeferredFunction::apply(hidden, weight, targets, options, &out);
  out.logprob = logprob;
  return out;
}

}  // namespace llm::kernels
