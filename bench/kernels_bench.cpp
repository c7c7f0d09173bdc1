// Each kernel beside its plain ATen equivalent at the shapes of SmolLM2-135M, 1024 tokens in 4
// documents. Counters: GB/s or GFLOP/s.
#include <ATen/ATen.h>
#include <benchmark/benchmark.h>
#include <torch/csrc/autograd/autograd.h>

#include "llm/kernels/attention.h"
#include "llm/kernels/backend.h"
#include "llm/kernels/linear.h"
#include "llm/kernels/linear_logprob.h"
#include "llm/kernels/optimizer.h"
#include "llm/kernels/rms_norm.h"
#include "llm/kernels/rope.h"
#include "llm/kernels/swiglu.h"

namespace llm::kernels {
namespace {

using benchmark::State;

constexpr int64_t kTokens = 1024, kDim = 576, kFeedForward = 1536, kHeads = 9, kKvHeads = 3,
                  kHeadDim = 64, kVocabulary = 49152;

// range(0): 0 fused, 1 plain ATen.
bool plain(const State& state) { return state.range(0) == 1; }

void set_flops(State& state, double flops) {
  state.counters["GFLOP/s"] =
      benchmark::Counter(flops * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
}

void rms_norm_forward_backward(State& state) {
  const BackendGuard guard(plain(state) ? Backend::kReference : Backend::kFused);
  const at::Tensor x = at::randn({kTokens, kDim}), w = at::randn({kDim}), dy = at::randn_like(x);
  const at::Tensor dw = at::zeros_like(w);
  for (auto _ : state) {
    const AddRmsNormOutput out = add_rms_norm_forward(x, dy, w, 1e-5);
    benchmark::DoNotOptimize(rms_norm_backward(dy, out.sum, w, out.rstd, {}, dw));
  }
}
BENCHMARK(rms_norm_forward_backward)->Arg(0)->Arg(1)->UseRealTime();

void rope_forward(State& state) {
  const BackendGuard guard(plain(state) ? Backend::kReference : Backend::kFused);
  const at::Tensor qkv = at::randn({kTokens, kHeads + 2 * kKvHeads, kHeadDim});
  const at::Tensor table = rope_table(at::rand({kHeadDim / 2}), kTokens, 1.0);
  const at::Tensor positions = at::arange(kTokens, at::kInt);
  for (auto _ : state) rope_(qkv.narrow(1, 0, kHeads + kKvHeads), table, positions);
}
BENCHMARK(rope_forward)->Arg(0)->Arg(1)->UseRealTime();

void swiglu_forward_backward(State& state) {
  const BackendGuard guard(plain(state) ? Backend::kReference : Backend::kFused);
  const at::Tensor gate_up = at::randn({kTokens, 2 * kFeedForward});
  const at::Tensor dy = at::randn({kTokens, kFeedForward});
  for (auto _ : state) {
    benchmark::DoNotOptimize(swiglu_forward(gate_up));
    benchmark::DoNotOptimize(swiglu_backward(dy, gate_up, /*in_place=*/false));
  }
}
BENCHMARK(swiglu_forward_backward)->Arg(0)->Arg(1)->UseRealTime();

// range(1): document length. Plain: ATen's flash kernel over equal documents as a batch.
void attention_forward_backward(State& state) {
  const int64_t length = state.range(1), tokens = std::max(kTokens, length);
  const at::Tensor qkv = at::randn({tokens, kHeads + 2 * kKvHeads, kHeadDim});
  const at::Tensor into = at::empty_like(qkv);
  const auto parts = qkv.split_with_sizes({kHeads, kKvHeads, kKvHeads}, 1);
  const at::Tensor dout = at::randn({tokens, kHeads, kHeadDim});
  const AttentionShape shape{at::arange(tokens / length + 1, at::kInt) * static_cast<int>(length),
                             length, 0.125};
  const auto batched = [&](const at::Tensor& x) {
    return x.unflatten(0, {-1, length}).transpose(1, 2);
  };
  for (auto _ : state) {
    if (plain(state)) {
      const auto q = batched(parts[0]), k = batched(parts[1]), v = batched(parts[2]);
      const auto [out, lse] = at::_scaled_dot_product_flash_attention_for_cpu(q, k, v, 0.0, true);
      benchmark::DoNotOptimize(at::_scaled_dot_product_flash_attention_for_cpu_backward(
          batched(dout), q, k, v, out, lse, 0.0, true));
    } else {
      const AttentionOutput out = attention_forward(parts[0], parts[1], parts[2], shape);
      attention_backward(dout, parts[0], parts[1], parts[2], out, shape, into);
    }
  }
  set_flops(state, 3.5 * 4 * kHeads * kHeadDim * static_cast<double>(tokens * length) / 2);
}
BENCHMARK(attention_forward_backward)
    ->ArgsProduct({{0, 1}, {8, 64, 256, 1024, 4096}})
    ->UseRealTime();

// range(1): cached tokens.
void attention_decode(State& state) {
  const int64_t cached = state.range(1);
  const at::Tensor q = at::randn({1, kHeads, kHeadDim});
  const at::Tensor k = at::randn({cached, kKvHeads, kHeadDim}), v = at::randn_like(k);
  const auto batched = [](const at::Tensor& x) { return x.transpose(0, 1).unsqueeze(0); };
  for (auto _ : state) {
    benchmark::DoNotOptimize(plain(state) ? at::scaled_dot_product_attention(batched(q), batched(k),
                                                                             batched(v), {}, 0.0,
                                                                             false, 0.125, true)
                                          : attention_cached(q, k, v, 0.125));
  }
  state.SetBytesProcessed(state.iterations() * (k.nbytes() + v.nbytes()));
}
BENCHMARK(attention_decode)->ArgsProduct({{0, 1}, {64, 1024, 8192}})->UseRealTime();

// range: ours or at::mm (MKL, cuBLAS), output and input features. Forward; input and weight
// gradient.
void linear_forward_product(State& state) {
  const at::Tensor x = at::randn({kTokens, state.range(2)});
  const at::Tensor w = at::randn({state.range(1), state.range(2)});
  for (auto _ : state) {
    benchmark::DoNotOptimize(plain(state) ? at::mm(x, w.t()) : linear_forward(x, {w, {}}));
  }
  set_flops(state, 2.0 * kTokens * static_cast<double>(w.numel()));
}
void linear_backward_products(State& state) {
  const at::Tensor x = at::randn({kTokens, state.range(2)});
  const at::Tensor w = at::randn({state.range(1), state.range(2)});
  const at::Tensor dy = at::randn({kTokens, state.range(1)});
  w.mutable_grad() = at::zeros_like(w);
  for (auto _ : state) {
    if (plain(state)) {
      benchmark::DoNotOptimize(at::mm(dy, w));
      w.mutable_grad().addmm_(dy.t(), x);
    } else {
      benchmark::DoNotOptimize(linear_backward(dy, x, {w, {}}));
    }
  }
  set_flops(state, 4.0 * kTokens * static_cast<double>(w.numel()));
}
void linear_shapes(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"plain", "out", "in"})->UseRealTime();
  const std::pair<int64_t, int64_t> shapes[] = {{(kHeads + 2 * kKvHeads) * kHeadDim, kDim},
                                                {kDim, kDim},
                                                {2 * kFeedForward, kDim},
                                                {kDim, kFeedForward}};
  for (const auto& [out, in] : shapes) {
    for (const int64_t plain : {0, 1}) bench->Args({plain, out, in});
  }
}
BENCHMARK(linear_forward_product)->Apply(linear_shapes);
BENCHMARK(linear_backward_products)->Apply(linear_shapes);

void head_known_scale(State& state) {
  const BackendGuard guard(plain(state) ? Backend::kReference : Backend::kFused);
  const at::Tensor hidden = at::randn({kTokens, kDim}), w = at::randn({kVocabulary, kDim}) * 0.02;
  w.mutable_grad() = at::zeros_like(w);
  const at::Tensor targets = at::randint(kVocabulary, {kTokens}, at::kLong);
  for (auto _ : state) {
    benchmark::DoNotOptimize(linear_logprob_known_scale(hidden, w, targets, 1e-3));
  }
  set_flops(state, 6.0 * kTokens * static_cast<double>(w.numel()));
}
BENCHMARK(head_known_scale)->Arg(0)->Arg(1)->UseRealTime()->Unit(benchmark::kMillisecond);

void adamw(State& state) {
  constexpr int64_t kCount = 8 << 20;
  const at::Tensor w = at::randn({kCount}), g = at::randn({kCount}), m = at::zeros_like(w),
                   v = at::zeros_like(w);
  const at::Tensor step = at::ones({});
  for (auto _ : state) {
    if (plain(state)) {
      at::_fused_adamw_({w}, {g}, {m}, {v}, {}, {step}, 1e-3, 0.9, 0.95, 0.1, 1e-8, false, false);
    } else {
      adamw_(w, g, m, v, {.lr = 1e-3, .weight_decay = 0.1});
    }
  }
  state.SetBytesProcessed(state.iterations() * kCount * 28);
}
BENCHMARK(adamw)->Arg(0)->Arg(1)->UseRealTime();

void squared_norm_of_gradients(State& state) {
  const BackendGuard guard(plain(state) ? Backend::kReference : Backend::kFused);
  const at::Tensor g = at::randn({8 << 20});
  for (auto _ : state) benchmark::DoNotOptimize(squared_norm(g));
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(g.nbytes()));
}
BENCHMARK(squared_norm_of_gradients)->Arg(0)->Arg(1)->UseRealTime();

}  // namespace
}  // namespace llm::kernels
