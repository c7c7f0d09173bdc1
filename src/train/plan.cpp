#include "llm/train/plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "llm/core/arith.h"
#include "llm/kernels/linear_logprob.h"
#include "llm/tensor/paged_memory.h"
#include "train/plan_warnings.h"

namespace llm::train {

namespace {

constexpr int64_t kFloatBytes = 4;
// An eighth of what an int64 holds, so that buffers of this size still add up.
constexpr double kMostBytes = 0x1p60;

// Sizes of absurd models are capped, not wrapped around.
int64_t float_bytes(double count) {
  return static_cast<int64_t>(std::min(count * kFloatBytes, kMostBytes));
}

// What src/nn/block.cpp keeps per token and block (BlockSaved).
double saved_floats(const arch::ModelConfig& model, nn::RecomputePolicy recompute) {
  const auto hidden = static_cast<double>(model.hidden_size);
  if (recompute == nn::RecomputePolicy::kBlock) return hidden;
  const int64_t heads = model.num_attention_heads + 2 * model.num_key_value_heads;
  return 2 * hidden + static_cast<double>(heads) * static_cast<double>(model.head_dim) +
         static_cast<double>(model.q_size()) + 2 * static_cast<double>(model.intermediate_size) +
         2 + static_cast<double>(model.num_attention_heads);
}

// The widest moment inside one block's backward, beyond what it keeps.
double block_workspace_floats(const arch::ModelConfig& model, nn::RecomputePolicy recompute) {
  const double mlp = 2 * static_cast<double>(model.intermediate_size + model.hidden_size);
  return mlp + (recompute == nn::RecomputePolicy::kBlock
                    ? saved_floats(model, nn::RecomputePolicy::kSelective)
                    : 0);
}

}  // namespace

namespace {

// What training needs of a rank beside its weights, under its setting of dist.zero.
struct TrainingState {
  int64_t gradients = 0, moments = 0;
  int64_t buffers = 0;  // of gradients that are not reduced yet
  std::string gradients_note = "fp32", moments_note = "AdamW, fp32";
};

// The two buffers of optim::layer_buckets: one layer bucket, and one that holds a table, too.
int64_t reduction_buffers(const arch::ModelConfig& model, int64_t bucket_bytes) {
  const arch::ParameterCounts counts = arch::parameter_counts(model);
  const int64_t layers = std::max<int64_t>(model.num_hidden_layers, 1);
  const int64_t blocks = counts.total() - counts.embedding - counts.head;
  const int64_t layer = float_bytes(static_cast<double>(blocks) / static_cast<double>(layers));
  const int64_t together =
      std::clamp<int64_t>(bucket_bytes / std::max<int64_t>(layer, 1), 1, layers);
  const int64_t bucket = std::min(together * layer, float_bytes(static_cast<double>(blocks)));
  return bucket + std::max(bucket, float_bytes(static_cast<double>(counts.embedding)));
}

TrainingState training_state(const arch::ModelConfig& model, const MemoryShape& shape) {
  const int64_t weights = float_bytes(static_cast<double>(arch::num_parameters(model)));
  const int64_t zero = shape.ranks > 1 ? shape.reduction.zero : 0;
  TrainingState state{.gradients = weights, .moments = 2 * weights};
  if (zero >= 1) {
    state.moments /= shape.ranks;
    state.moments_note += fmt::format(", 1 of {} shares", shape.ranks);
  }
  if (zero >= 2) {
    state.gradients /= shape.ranks;
    state.gradients_note += fmt::format(", 1 of {} shares", shape.ranks);
    state.buffers = reduction_buffers(model, shape.reduction.bucket_bytes);
  }
  return state;
}

// Under release_memory, beside what is constant: gradients and activations take turns. With several
// micro-batches the gradients of the earlier ones are there while the last one runs forward; shards
// and buffers always are.
struct Turns {
  int64_t activations = 0, head_gradient = 0, chunk = 0;  // at the head
  int64_t block = 0;                                      // at the first block
};
int64_t peak_of_turns(const Turns& turns, const TrainingState& state, int64_t micro_batches) {
  if (state.buffers > 0) {
    return state.gradients + state.buffers + std::max(turns.activations + turns.chunk, turns.block);
  }
  const int64_t early_gradients = micro_batches > 1 ? state.gradients : 0;
  return std::max(turns.activations + std::max(early_gradients, turns.head_gradient) + turns.chunk,
                  state.gradients + turns.block);
}

}  // namespace

MemoryPlan plan_memory(const arch::ModelConfig& model, const MemoryShape& shape) {
  const auto tokens = static_cast<double>(shape.micro_batch_tokens);
  const auto hidden = static_cast<double>(model.hidden_size);
  const auto layers = static_cast<double>(model.num_hidden_layers);
  const double kept_floats = tokens * saved_floats(model, shape.recompute);
  const int64_t weights = float_bytes(static_cast<double>(arch::num_parameters(model)));
  const TrainingState state = training_state(model, shape);
  const int64_t activations = float_bytes(layers * kept_floats + 2 * tokens * hidden);
  const int64_t workspace = float_bytes(tokens * block_workspace_floats(model, shape.recompute));
  const int64_t chunk = kernels::logit_chunk_bytes(shape.micro_batch_tokens, model.vocab_size,
                                                   /*on_cuda=*/false) +
                        float_bytes(tokens * hidden);
  const int64_t kept = shape.release_memory ? tensor::kKeptMemoryBytes : 0;

  MemoryPlan plan;
  plan.buffers = {
      {"weights", weights, "fp32"},
      {"moments", state.moments, state.moments_note},
      {"gradients", state.gradients, state.gradients_note},
      {"activations", activations,
       fmt::format("{} tokens, {} blocks", shape.micro_batch_tokens, model.num_hidden_layers)},
      {"block workspace", workspace, "backward of one block"},
      {"logits", chunk, "one chunk, and the hidden states' gradient"},
      {"program", shape.program_bytes, "program and libraries"}};
  if (state.buffers > 0)
    plan.buffers.push_back({"gradient buffers", state.buffers, "of two buckets not yet reduced"});
  // Weights and both moments of what a rank writes: a share of them under any dist.zero.
  const int64_t copy = shape.saves_async ? 3 * weights / shape.ranks : 0;
  if (copy > 0) plan.buffers.push_back({"checkpoint copy", copy, "while it is written"});
  if (kept > 0) plan.buffers.push_back({"kept free", kept, "by the allocator, for the next block"});
  for (const MemoryBuffer& buffer : plan.buffers) plan.peak_bytes += buffer.bytes;
  if (!shape.release_memory) return plan;
  const Turns turns{.activations = activations,
                    .head_gradient = float_bytes(static_cast<double>(model.vocab_size) * hidden),
                    .chunk = chunk,
                    .block = workspace + float_bytes(kept_floats)};
  plan.peak_bytes = weights + state.moments + shape.program_bytes + kept + copy +
                    peak_of_turns(turns, state, shape.micro_batches);
  return plan;
}

namespace {

// Bytes of n parameters that a ring sends a rank's share of, once.
int64_t ring_bytes(double parameters, int64_t item, int64_t ranks) {
  const double share = static_cast<double>(ranks - 1) / static_cast<double>(ranks);
  return static_cast<int64_t>(std::min(parameters * static_cast<double>(item) * share, kMostBytes));
}

ZeroPlan plan_zero(const arch::ModelConfig& model, MemoryShape shape, int64_t zero) {
  shape.reduction.zero = zero;
  ZeroPlan plan{.zero = zero, .memory = plan_memory(model, shape)};
  const auto parameters = static_cast<double>(arch::num_parameters(model));
  const int64_t item = shape.reduction.dtype == optim::ReduceDtype::kBf16 ? 2 : kFloatBytes;
  const int64_t once = ring_bytes(parameters, item, shape.ranks);
  plan.gradient_bytes = zero == 0 ? 2 * once : zero == 1 ? once : shape.micro_batches * once;
  plan.parameter_bytes = zero == 0 ? 0 : ring_bytes(parameters, kFloatBytes, shape.ranks);
  return plan;
}

}  // namespace

RunPlan plan_run(const PlanInput& input) {
  RunPlan plan;
  plan.parameters = arch::parameter_counts(input.model);
  plan.batch = plan_batch(input.config);
  plan.total_steps = total_steps(input.config, plan.batch, input.num_rows);
  plan.total_tokens = plan.total_steps * plan.batch.tokens_per_step;
  plan.tokens_per_parameter =
      static_cast<double>(plan.total_tokens) / static_cast<double>(plan.parameters.total());
  const double length = input.mean_document_length > 0
                            ? std::min(input.mean_document_length,
                                       static_cast<double>(input.config.data.context_length))
                            : static_cast<double>(input.config.data.context_length);
  plan.flops_per_token = arch::train_flops_per_token(input.model, length);
  plan.total_flops = plan.flops_per_token * static_cast<double>(plan.total_tokens);
  const double data_tokens =
      static_cast<double>(input.num_rows) * static_cast<double>(input.config.data.context_length);
  plan.epochs = data_tokens > 0 ? static_cast<double>(plan.total_tokens) / data_tokens : 0;
  plan.ranks = {.ranks = input.ranks,
                .most_micro_batches = core::div_ceil(plan.batch.micro_batches, input.ranks),
                .least_micro_batches = plan.batch.micro_batches / input.ranks};
  const MemoryShape shape{
      .micro_batch_tokens = input.config.train.micro_batch_rows * input.config.data.context_length,
      .micro_batches = plan.ranks.most_micro_batches,
      .recompute = input.config.train.recompute,
      .release_memory = input.config.train.release_memory,
      .program_bytes = input.program_bytes,
      .ranks = input.ranks,
      .reduction = input.config.dist.reduction(),
      .saves_async = input.config.checkpoint.async};
  plan.memory = plan_memory(input.model, shape);
  for (int64_t zero = 0; input.ranks > 1 && zero <= 2; ++zero)
    plan.ranks.choices.push_back(plan_zero(input.model, shape, zero));
  plan.warnings = unwise_settings(plan, input);
  return plan;
}

}  // namespace llm::train
