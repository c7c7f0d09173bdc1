// Generation on a random model of SmolLM2-135M's shape: one token reads every weight once, so the
// floor is the time to read them, which BM_ReadWeights measures on the same buffer.
#include <ATen/ATen.h>
#include <benchmark/benchmark.h>

#include "llm/core/rng.h"
#include "llm/generate/language_model.h"
#include "llm/generate/sampler.h"
#include "llm/nn/init.h"
#include "llm/tensor/device.h"

namespace {

using namespace llm;  // NOLINT: a program

arch::ModelConfig smollm2_135m() {
  arch::ModelConfig config;
  config.vocab_size = 49152;
  config.hidden_size = 576;
  config.intermediate_size = 1536;
  config.num_hidden_layers = 30;
  config.num_attention_heads = 9;
  config.num_key_value_heads = 3;
  config.head_dim = 64;
  config.max_position_embeddings = 8192;
  config.tie_word_embeddings = true;
  return config;
}

tensor::StoreOptions store_options() {
  if (tensor::cuda_device_count() > 0) {
    return {.device = at::kCUDA, .dtype = at::kBFloat16, .trainable = false};
  }
  return {.device = at::kCPU, .dtype = at::kFloat, .trainable = false};
}

struct Model {
  arch::ModelConfig config = smollm2_135m();
  tensor::ParameterStore store{arch::parameter_specs(config), store_options()};
  nn::CausalLM model{config, store};
};

Model& smollm2() {
  static Model* const model = [] {
    auto* made = new Model;
    nn::initialize(made->store, made->config, 1, false);
    return made;
  }();
  return *model;
}

void set_bytes_per_token(benchmark::State& state) {
  const at::Tensor weights = smollm2().store.flat_weights();
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(weights.nbytes()));
}

void BM_ReadWeights(benchmark::State& state) {
  const at::Tensor weights = smollm2().store.flat_weights();
  for (auto _ : state) benchmark::DoNotOptimize(weights.max().item<float>());
  set_bytes_per_token(state);
}
BENCHMARK(BM_ReadWeights)->Unit(benchmark::kMillisecond)->UseRealTime();

// One token after `range` others.
void BM_DecodeToken(benchmark::State& state) {
  const int64_t context = state.range(0);
  const auto model = generate::make_language_model(smollm2().model, context + 1);
  model->append(std::vector<int32_t>(static_cast<size_t>(context), 7));
  for (auto _ : state) {
    benchmark::DoNotOptimize(model->next_logits({9}));
    model->truncate(context);
  }
  state.SetItemsProcessed(state.iterations());
  set_bytes_per_token(state);
}
BENCHMARK(BM_DecodeToken)->Arg(16)->Arg(512)->Unit(benchmark::kMillisecond)->UseRealTime();

void BM_PrefillPrompt(benchmark::State& state) {
  const int64_t length = state.range(0);
  const auto model = generate::make_language_model(smollm2().model, length);
  const std::vector<int32_t> prompt(static_cast<size_t>(length), 7);
  for (auto _ : state) {
    model->truncate(0);
    benchmark::DoNotOptimize(model->next_logits(prompt));
  }
  state.SetItemsProcessed(state.iterations() * length);
}
BENCHMARK(BM_PrefillPrompt)->Arg(128)->Arg(512)->Unit(benchmark::kMillisecond)->UseRealTime();

std::vector<float> random_logits(int64_t count) {
  core::PhiloxStream random(3);
  std::vector<float> logits(static_cast<size_t>(count));
  for (float& z : logits) z = static_cast<float>(2 * random.next_normal());
  return logits;
}

void sample(benchmark::State& state, const generate::SamplingConfig& config) {
  const auto logits = random_logits(151936);
  generate::Sampler sampler(config, 1);
  for (auto _ : state) benchmark::DoNotOptimize(sampler.sample(logits, {}));
}

void BM_SampleDefault(benchmark::State& state) { sample(state, {}); }
BENCHMARK(BM_SampleDefault)->Unit(benchmark::kMicrosecond);

void BM_SampleGreedy(benchmark::State& state) {
  generate::SamplingConfig config;
  config.temperature = 0;
  sample(state, config);
}
BENCHMARK(BM_SampleGreedy)->Unit(benchmark::kMicrosecond);

void BM_SampleTopPAlone(benchmark::State& state) {
  generate::SamplingConfig config;
  config.top_k = 0;
  config.min_p = 0;
  sample(state, config);
}
BENCHMARK(BM_SampleTopPAlone)->Unit(benchmark::kMicrosecond);

}  // namespace
