#include "nn/block.h"

#include <torch/csrc/autograd/custom_function.h>

#include "llm/core/check.h"
#include "llm/kernels/backend.h"
#include "llm/kernels/rms_norm.h"
#include "llm/kernels/rope.h"
#include "llm/kernels/swiglu.h"

namespace llm::nn {

namespace {

// Everything a block's backward reads besides the weights. Norm outputs, rotated q/k under QK-norm
// and the SwiGLU product are computed again: each is one pass over memory, against a matrix product
// that would be needed for any of these.
struct BlockSaved {
  at::Tensor x;           // [T, D]
  at::Tensor input_rstd;  // [T]
  at::Tensor qkv;         // [T, H + 2 Hkv, K]; q and k rotated, except under QK-norm: as projected
  at::Tensor q_rstd, k_rstd;  // [T, H], [T, Hkv] under QK-norm
  kernels::AttentionOutput attention;
  at::Tensor mid;        // [T, D], residual stream after attention
  at::Tensor post_rstd;  // [T]
  at::Tensor gate_up;    // [T, 2F]

  // In the order of pack(): lets autograd own them.
  std::vector<at::Tensor> pack() const {
    return {x,   input_rstd, qkv,    q_rstd, k_rstd, attention.out, attention.lse,
            mid, post_rstd,  gate_up};
  }
  static BlockSaved unpack(const std::vector<at::Tensor>& t) {
    return {t[0], t[1], t[2], t[3], t[4], {t[5], t[6]}, t[7], t[8], t[9]};
  }
};

// Carries the block into the autograd node.
struct BlockCall : torch::CustomClassHolder {
  BlockCall(const Block& b, const SequenceContext& s, RecomputePolicy p)
      : block(b), sequence(s), policy(p) {}
  Block block;
  SequenceContext sequence;
  RecomputePolicy policy;
};

// q and k of the attention product: views of qkv, or normalised and rotated copies under QK-norm
// (with their rstd).
struct AttentionInputs {
  HeadViews heads;
  at::Tensor q_rstd, k_rstd;
};

AttentionInputs rotate_normed(const BlockCall& call, const at::Tensor& qkv) {
  HeadViews heads = split_heads(qkv, call.block.shape);
  auto q = kernels::rms_norm_forward(heads.q, call.block.weights.q_norm, call.block.shape.eps);
  auto k = kernels::rms_norm_forward(heads.k, call.block.weights.k_norm, call.block.shape.eps);
  kernels::rope_(q.y, call.sequence.rope.table, call.sequence.rope.rows);
  kernels::rope_(k.y, call.sequence.rope.table, call.sequence.rope.rows);
  return {{q.y, k.y, heads.v}, q.rstd, k.rstd};
}

void rotate_in_place(const BlockCall& call, const at::Tensor& qkv, bool inverse) {
  const BlockShape& shape = call.block.shape;
  const at::Tensor qk = qkv.narrow(1, 0, shape.num_heads + shape.num_kv_heads);
  kernels::rope_(qk, call.sequence.rope.table, call.sequence.rope.rows, inverse);
}

bool has_qk_norm(const BlockCall& call) { return call.block.weights.q_norm.defined(); }

// Everything up to the down projection.
BlockSaved forward_saved(const BlockCall& call, const at::Tensor& x) {
  const BlockWeights& w = call.block.weights;
  const BlockShape& shape = call.block.shape;
  const int64_t tokens = x.size(0);
  BlockSaved saved;
  saved.x = x;
  auto normed = kernels::rms_norm_forward(x, w.input_norm, shape.eps);
  saved.input_rstd = normed.rstd;
  saved.qkv = kernels::linear_forward(normed.y, w.qkv, call.sequence.noise)
                  .view({tokens, -1, shape.head_dim});
  AttentionInputs inputs;
  if (has_qk_norm(call)) {
    inputs = rotate_normed(call, saved.qkv);
    saved.q_rstd = inputs.q_rstd;
    saved.k_rstd = inputs.k_rstd;
  } else {
    rotate_in_place(call, saved.qkv, false);
    inputs.heads = split_heads(saved.qkv, shape);
  }
  saved.attention = kernels::attention_forward(inputs.heads.q, inputs.heads.k, inputs.heads.v,
                                               call.sequence.attention);
  const at::Tensor projected = kernels::linear_forward(saved.attention.out.reshape({tokens, -1}),
                                                       w.output, call.sequence.noise);  // [T, D]
  auto post = kernels::add_rms_norm_forward(projected, x, w.post_norm, shape.eps);
  saved.mid = post.sum;
  saved.post_rstd = post.rstd;
  saved.gate_up = kernels::linear_forward(post.y, w.gate_up, call.sequence.noise);
  return saved;
}

at::Tensor finish_forward(const BlockCall& call, const BlockSaved& saved) {
  at::Tensor out = kernels::linear_forward(kernels::swiglu_forward(saved.gate_up),
                                           call.block.weights.down, call.sequence.noise);  // [T, D]
  return out.add_(saved.mid);
}

// Gradient of the residual stream after attention.
at::Tensor mlp_backward(const BlockCall& call, const BlockSaved& saved, const at::Tensor& dout) {
  const BlockWeights& w = call.block.weights;
  at::Tensor dgate_up;  // [T, 2F]
  {
    const at::Tensor product = kernels::swiglu_forward(saved.gate_up);  // [T, F]
    const at::Tensor dproduct =
        kernels::linear_backward(dout, product, w.down, call.sequence.noise);  // [T, F]
    dgate_up = kernels::swiglu_backward(dproduct, saved.gate_up, /*in_place=*/true);
  }
  const at::Tensor normed =
      kernels::rms_norm_recompute(saved.mid, w.post_norm, saved.post_rstd);  // [T, D]
  const at::Tensor dnormed =
      kernels::linear_backward(dgate_up, normed, w.gate_up, call.sequence.noise);  // [T, D]
  return kernels::rms_norm_backward(dnormed, saved.mid, w.post_norm, saved.post_rstd, dout,
                                    w.post_norm.grad());
}

// Through QK-norm: from gradients of the rotated, normalised q and k to those of the projections,
// in place in dqkv.
void qk_norm_backward(const BlockCall& call, const BlockSaved& saved, const at::Tensor& dqkv) {
  const BlockWeights& w = call.block.weights;
  const HeadViews raw = split_heads(saved.qkv, call.block.shape);
  const HeadViews grads = split_heads(dqkv, call.block.shape);
  grads.q.copy_(
      kernels::rms_norm_backward(grads.q, raw.q, w.q_norm, saved.q_rstd, {}, w.q_norm.grad()));
  grads.k.copy_(
      kernels::rms_norm_backward(grads.k, raw.k, w.k_norm, saved.k_rstd, {}, w.k_norm.grad()));
}

// Gradient of the block's input from that of the residual stream after attention.
at::Tensor attention_half_backward(const BlockCall& call, const BlockSaved& saved,
                                   const at::Tensor& dmid) {
  const BlockWeights& w = call.block.weights;
  const int64_t tokens = saved.x.size(0);
  const at::Tensor dattended =
      kernels::linear_backward(dmid, saved.attention.out.reshape({tokens, -1}), w.output,
                               call.sequence.noise)
          .view_as(saved.attention.out);
  const HeadViews heads = has_qk_norm(call) ? rotate_normed(call, saved.qkv).heads
                                            : split_heads(saved.qkv, call.block.shape);
  const at::Tensor dqkv = at::empty_like(saved.qkv);  // [T, H + 2 Hkv, K]
  kernels::attention_backward(dattended, heads.q, heads.k, heads.v, saved.attention,
                              call.sequence.attention, dqkv);
  rotate_in_place(call, dqkv, true);
  if (has_qk_norm(call)) qk_norm_backward(call, saved, dqkv);

  const at::Tensor normed =
      kernels::rms_norm_recompute(saved.x, w.input_norm, saved.input_rstd);  // [T, D]
  const at::Tensor dnormed = kernels::linear_backward(dqkv.view({tokens, -1}), normed, w.qkv,
                                                      call.sequence.noise);  // [T, D]
  return kernels::rms_norm_backward(dnormed, saved.x, w.input_norm, saved.input_rstd, dmid,
                                    w.input_norm.grad());
}

struct BlockFunction : torch::autograd::Function<BlockFunction> {
  static at::Tensor forward(torch::autograd::AutogradContext* ctx, const at::Tensor& x,
                            const c10::intrusive_ptr<BlockCall>& call) {
    const BlockSaved saved = forward_saved(*call, x);
    ctx->save_for_backward(call->policy == RecomputePolicy::kBlock ? std::vector<at::Tensor>{x}
                                                                   : saved.pack());
    ctx->saved_data["call"] = at::IValue::make_capsule(call);
    return finish_forward(*call, saved);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx,
                                                 torch::autograd::variable_list grads) {
    const auto call =
        c10::static_intrusive_pointer_cast<BlockCall>(ctx->saved_data["call"].toCapsule());
    const auto kept = ctx->get_saved_variables();
    const BlockSaved saved = call->policy == RecomputePolicy::kBlock ? forward_saved(*call, kept[0])
                                                                     : BlockSaved::unpack(kept);
    const BackwardObserver& observer = call->sequence.observer;
    if (observer.layer_begins) observer.layer_begins(call->block.layer);
    const at::Tensor dmid = mlp_backward(*call, saved, grads[0].contiguous());
    at::Tensor dx = attention_half_backward(*call, saved, dmid);
    if (observer.layer_done) observer.layer_done(call->block.layer);
    return {std::move(dx), at::Tensor()};
  }
};

}  // namespace

at::Tensor run_block(const Block& block, const at::Tensor& x, const SequenceContext& sequence,
                     RecomputePolicy policy) {
  if (kernels::backend() == kernels::Backend::kReference || !at::GradMode::is_enabled() ||
      !x.requires_grad()) {
    return compose_block(block, x, sequence);
  }
  return BlockFunction::apply(x, c10::make_intrusive<BlockCall>(block, sequence, policy));
}

}  // namespace llm::nn
