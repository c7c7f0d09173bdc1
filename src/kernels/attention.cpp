#include "llm/kernels/attention.h"

#include <torch/csrc/autograd/custom_function.h>

#include <ATen/ATen.h>

#include "kernels/cpu/attention.h"
#include "kernels/cuda/attention.h"
#include "kernels/path.h"
#include "kernels/reference/attention.h"
#include "llm/core/check.h"

namespace llm::kernels {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

void check_heads(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  LLM_CHECK(q.dim() == 3 && k.dim() == 3 && k.sizes() == v.sizes() && q.size(2) == k.size(2),
            "q must be [T, H, K], k and v [T, Hkv, K]");
  LLM_CHECK(k.size(1) > 0 && q.size(1) % k.size(1) == 0, "{} heads over {} kv heads", q.size(1),
            k.size(1));
  LLM_CHECK(q.stride(2) == 1 && k.stride(2) == 1 && v.stride(2) == 1);
}

void check_arguments(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                     const AttentionShape& shape) {
  check_heads(q, k, v);
  LLM_CHECK(q.size(0) == k.size(0), "{} queries, {} keys", q.size(0), k.size(0));
  const at::Tensor& borders = shape.cu_seqlens;
  LLM_CHECK(borders.dim() == 1 && borders.size(0) >= 1 && borders.is_contiguous() &&
                borders.scalar_type() == at::kInt && borders.device() == q.device(),
            "cu_seqlens must be [N + 1] int32 on the device of q");
  LLM_CHECK(
      !borders.is_cpu() || *(borders.const_data_ptr<int>() + borders.size(0) - 1) == q.size(0),
      "cu_seqlens does not end at {} tokens", q.size(0));
  LLM_CHECK(shape.prefixes.empty() || q.is_cpu(), "prefixes are for the CPU alone");
}

AttentionGradients allocate_gradients(const at::Tensor& q, const at::Tensor& k,
                                      const at::Tensor& into) {
  const int64_t heads = q.size(1);
  const int64_t kv_heads = k.size(1);
  LLM_CHECK(
      !into.defined() || (into.is_contiguous() && into.dim() == 3 && into.size(0) == q.size(0) &&
                          into.size(1) == heads + 2 * kv_heads && into.size(2) == q.size(2)),
      "`into` must be [T, H + 2 Hkv, K]");
  const at::Tensor fused =
      into.defined() ? into : at::empty({q.size(0), heads + 2 * kv_heads, q.size(2)}, q.options());
  return {fused.narrow(1, 0, heads), fused.narrow(1, heads, kv_heads),
          fused.narrow(1, heads + kv_heads, kv_heads)};
}

// Carries the shape into the autograd node.
struct ShapeHolder : torch::CustomClassHolder {
  explicit ShapeHolder(AttentionShape s) : shape(std::move(s)) {}
  AttentionShape shape;
};

struct AttentionFunction : torch::autograd::Function<AttentionFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& q, const at::Tensor& k,
                            const at::Tensor& v, const c10::intrusive_ptr<ShapeHolder>& holder) {
    const AttentionOutput output = attention_forward(q, k, v, holder->shape);
    context->save_for_backward({q, k, v, output.out, output.lse});
    context->saved_data["shape"] = at::IValue::make_capsule(holder);
    return output.out;
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const variable_list saved = context->get_saved_variables();
    const auto holder =
        c10::static_intrusive_pointer_cast<ShapeHolder>(context->saved_data["shape"].toCapsule());
    const AttentionGradients result = attention_backward(
        grads[0].contiguous(), saved[0], saved[1], saved[2], {saved[3], saved[4]}, holder->shape);
    return {result.dq, result.dk, result.dv, at::Tensor()};
  }
};

}  // namespace

at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                     const AttentionShape& shape) {
  check_arguments(q, k, v, shape);
  if (path_for({q, k, v}) == Path::kReference) return reference::attention(q, k, v, shape);
  return AttentionFunction::apply(q, k, v, c10::make_intrusive<ShapeHolder>(shape));
}

AttentionOutput attention_forward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                  const AttentionShape& shape) {
  check_arguments(q, k, v, shape);
  const at::NoGradGuard no_grad;
  switch (path_for({q, k, v})) {
    case Path::kCpu:
      return cpu::attention_forward(q, k, v, shape);
    case Path::kCuda:
      return cuda::attention_forward(q, k, v, shape);
    case Path::kReference:
      break;
  }
  return reference::attention_forward(q, k, v, shape);
}

AttentionGradients attention_backward(const at::Tensor& dout, const at::Tensor& q,
                                      const at::Tensor& k, const at::Tensor& v,
                                      const AttentionOutput& forward, const AttentionShape& shape,
                                      const at::Tensor& into) {
  check_arguments(q, k, v, shape);
  LLM_CHECK(dout.sizes() == q.sizes() && dout.stride(2) == 1);
  const at::NoGradGuard no_grad;
  const AttentionGradients grads = allocate_gradients(q, k, into);
  switch (path_for({q, k, v, dout, forward.out})) {
    case Path::kCpu:
      cpu::attention_backward(dout, q, k, v, forward, shape, grads);
      break;
    case Path::kCuda:
      cuda::attention_backward(dout, q, k, v, forward, shape, grads);
      break;
    case Path::kReference:
      reference::attention_backward(dout, q, k, v, forward, shape, grads);
      break;
  }
  return grads;
}

at::Tensor attention_cached(const at::Tensor& q, const at::Tensor& k_cache,
                            const at::Tensor& v_cache, double scale) {
  check_heads(q, k_cache, v_cache);
  LLM_CHECK(q.size(0) <= k_cache.size(0), "{} queries, {} cached keys", q.size(0), k_cache.size(0));
  const at::NoGradGuard no_grad;
  switch (path_for({q, k_cache, v_cache})) {
    case Path::kCpu:
      return cpu::attention_cached(q, k_cache, v_cache, scale);
    case Path::kCuda:
      return cuda::attention_cached(q, k_cache, v_cache, scale);
    case Path::kReference:
      break;
  }
  return reference::attention_cached(q, k_cache, v_cache, scale);
}

}  // namespace llm::kernels
