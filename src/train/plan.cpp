#include "llm/train/plan.h"

#include <fmt/format.h>

#include <algorithm>

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

MemoryPlan plan_memory(const arch::ModelConfig& model, const MemoryShape& shape) {
  const auto tokens = static_cast<double>(shape.micro_batch_tokens);
  const auto hidden = static_cast<double>(model.hidden_size);
  const auto layers = static_cast<double>(model.num_hidden_layers);
  const double kept_floats = tokens * saved_floats(model, shape.recompute);
  const int64_t weights = float_bytes(static_cast<double>(arch::num_parameters(model)));
  const int64_t per_block = float_bytes(kept_floats);
  const int64_t activations = float_bytes(layers * kept_floats + 2 * tokens * hidden);
  const int64_t workspace = float_bytes(tokens * block_workspace_floats(model, shape.recompute));
  const int64_t chunk = kernels::logit_chunk_bytes(shape.micro_batch_tokens, model.vocab_size,
                                                   /*on_cuda=*/false) +
                        float_bytes(tokens * hidden);
  const int64_t head_gradient = float_bytes(static_cast<double>(model.vocab_size) * hidden);

  const int64_t kept = shape.release_memory ? tensor::kKeptMemoryBytes : 0;

  MemoryPlan plan;
  plan.buffers = {
      {"weights", weights, "fp32"},
      {"moments", 2 * weights, "AdamW, fp32"},
      {"gradients", weights, "fp32"},
      {"activations", activations,
       fmt::format("{} tokens, {} blocks", shape.micro_batch_tokens, model.num_hidden_layers)},
      {"block workspace", workspace, "backward of one block"},
      {"logits", chunk, "one chunk, and the hidden states' gradient"},
      {"program", shape.program_bytes, "program and libraries"}};
  if (kept > 0) plan.buffers.push_back({"kept free", kept, "by the allocator, for the next block"});
  for (const MemoryBuffer& buffer : plan.buffers) plan.peak_bytes += buffer.bytes;
  if (!shape.release_memory) return plan;
  // Gradients and activations take turns. With several micro-batches the gradients of the earlier
  // ones are there while the last one runs forward.
  const int64_t constant = 3 * weights + shape.program_bytes + kept;
  const int64_t early_gradients = shape.micro_batches > 1 ? weights : 0;
  const int64_t at_head = activations + std::max(early_gradients, head_gradient) + chunk;
  const int64_t at_first_block = weights + workspace + per_block;
  plan.peak_bytes = constant + std::max(at_head, at_first_block);
  return plan;
}

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
  plan.memory = plan_memory(
      input.model,
      {.micro_batch_tokens = input.config.train.micro_batch_rows * input.config.data.context_length,
       .micro_batches = plan.batch.micro_batches,
       .recompute = input.config.train.recompute,
       .release_memory = input.config.train.release_memory,
       .program_bytes = input.program_bytes});
  plan.warnings = unwise_settings(plan, input);
  return plan;
}

}  // namespace llm::train
