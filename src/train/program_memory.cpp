#include "llm/tensor/memory_stats.h"
#include "llm/tensor/paged_memory.h"
#include "llm/train/bench.h"
#include "llm/train/plan.h"

namespace llm::train {

namespace {

// Small, but with products large enough for the kernels a real run takes.
arch::ModelConfig probe_model() {
  arch::ModelConfig model;
  model.vocab_size = 512;
  model.hidden_size = 256;
  model.intermediate_size = 768;
  model.num_hidden_layers = 1;
  model.num_attention_heads = 4;
  model.num_key_value_heads = 4;
  model.head_dim = 64;
  model.tie_word_embeddings = true;
  return model;
}

RunConfig probe_run() {
  RunConfig config;
  config.data.context_length = 256;
  config.train.micro_batch_rows = 1;
  config.train.batch_tokens = 256;
  return config;
}

}  // namespace

int64_t measure_program_bytes() {
  bench_training(probe_run(), probe_model(), {.steps = 1, .warmup_steps = 0});
  return tensor::memory_stats(at::kCPU).current_bytes - tensor::paged_memory_stats().kept_bytes;
}

}  // namespace llm::train
