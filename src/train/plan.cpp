#include "llm/train/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "llm/core/format.h"
#include "llm/kernels/linear_logprob.h"
#include "llm/tensor/paged_memory.h"

namespace llm::train {

namespace {

constexpr int64_t kFloatBytes = 4;

// What src/nn/block.cpp keeps per token and block (BlockSaved).
int64_t saved_floats(const arch::ModelConfig& model, nn::RecomputePolicy recompute) {
  if (recompute == nn::RecomputePolicy::kBlock) return model.hidden_size;
  const int64_t heads = model.num_attention_heads + 2 * model.num_key_value_heads;
  return 2 * model.hidden_size + heads * model.head_dim + model.q_size() +
         2 * model.intermediate_size + 2 + model.num_attention_heads;
}

// The widest moment inside one block's backward, beyond what it keeps.
int64_t block_workspace_floats(const arch::ModelConfig& model, nn::RecomputePolicy recompute) {
  const int64_t mlp = 2 * model.intermediate_size + 2 * model.hidden_size;
  return mlp + (recompute == nn::RecomputePolicy::kBlock
                    ? saved_floats(model, nn::RecomputePolicy::kSelective)
                    : 0);
}

void warn_about_length(const RunPlan& plan, const arch::ModelConfig& model, const RunConfig& config,
                       std::vector<std::string>& warnings) {
  if (plan.tokens_per_parameter < 5) {
    warnings.push_back(
        fmt::format("{:.1f} tokens per parameter: far below the 20 of compute-optimal training "
                    "(arXiv 2203.15556); a "
                    "smaller model would reach a lower loss in the same time",
                    plan.tokens_per_parameter));
  }
  if (plan.epochs > 8) {
    warnings.push_back(fmt::format(
        "{:.1f} passes over the data: repeats beyond about 4 help little (arXiv 2305.16264)",
        plan.epochs));
  }
  if (config.data.context_length > model.max_position_embeddings) {
    warnings.push_back(
        fmt::format("data.context_length {} is beyond the model's max_position_embeddings {}",
                    config.data.context_length, model.max_position_embeddings));
  }
}

// Learning rates that trained stably: about 3e-4 * sqrt(batch / 0.5M tokens) at 1 B parameters, and
// higher for smaller models.
void warn_about_rates(const RunPlan& plan, const RunConfig& config,
                      std::vector<std::string>& warnings) {
  const double parameters = static_cast<double>(plan.parameters.total());
  const double usual =
      std::clamp(3e-4 * std::pow(1e9 / parameters, 0.25) *
                     std::sqrt(static_cast<double>(plan.batch.tokens_per_step) / 524288.0),
                 3e-5, 6e-3);
  if (config.optim.lr > 6 * usual) {
    warnings.push_back(
        fmt::format("optim.lr {:.1e} is high for {} parameters and {} tokens a step (usual: about "
                    "{:.1e}); expect "
                    "spikes, or raise train.batch_tokens",
                    config.optim.lr, core::format_count(parameters),
                    core::format_count(static_cast<double>(plan.batch.tokens_per_step)), usual));
  }
  const auto warmup = static_cast<double>(config.optim.schedule.warmup_steps);
  const auto steps = static_cast<double>(plan.total_steps);
  if (warmup > 0.3 * steps) {
    warnings.push_back(
        fmt::format("the warm-up takes {:.0f} % of the run: lower optim.schedule.warmup_steps",
                    100 * warmup / steps));
  }
  if (warmup == 0 && steps > 10) {
    warnings.push_back(
        "no warm-up: the first AdamW steps are as large as the learning rate itself");
  }
}

void warn_about_shape(const RunPlan& plan, const arch::ModelConfig& model,
                      std::vector<std::string>& warnings) {
  const double share = static_cast<double>(plan.parameters.embedding + plan.parameters.head) /
                       static_cast<double>(plan.parameters.total());
  if (share > 0.6) {
    warnings.push_back(
        fmt::format("{:.0f} % of the parameters are embeddings: a smaller vocabulary than {} would "
                    "leave more for the "
                    "blocks",
                    100 * share, model.vocab_size));
  }
}

}  // namespace

MemoryPlan plan_memory(const arch::ModelConfig& model, const MemoryShape& shape) {
  const int64_t parameters = arch::num_parameters(model);
  const int64_t tokens = shape.micro_batch_tokens;
  const int64_t weights = parameters * kFloatBytes;
  const int64_t per_block = tokens * saved_floats(model, shape.recompute) * kFloatBytes;
  const int64_t activations =
      model.num_hidden_layers * per_block + 2 * tokens * model.hidden_size * kFloatBytes;
  const int64_t workspace = tokens * block_workspace_floats(model, shape.recompute) * kFloatBytes;
  const int64_t chunk = kernels::logit_chunk_bytes(tokens, model.vocab_size, /*on_cuda=*/false) +
                        tokens * model.hidden_size * kFloatBytes;
  const int64_t head_gradient = model.vocab_size * model.hidden_size * kFloatBytes;

  const int64_t kept = shape.release_memory ? tensor::kKeptMemoryBytes : 0;

  MemoryPlan plan;
  plan.buffers = {{"weights", weights, "fp32"},
                  {"moments", 2 * weights, "AdamW, fp32"},
                  {"gradients", weights, "fp32"},
                  {"activations", activations,
                   fmt::format("{} tokens, {} blocks", tokens, model.num_hidden_layers)},
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
  plan.batch = plan_batch(input.config, 1);
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
  const int64_t data_tokens = input.num_rows * input.config.data.context_length;
  plan.epochs = data_tokens > 0
                    ? static_cast<double>(plan.total_tokens) / static_cast<double>(data_tokens)
                    : 0;
  plan.memory = plan_memory(
      input.model,
      {.micro_batch_tokens = input.config.train.micro_batch_rows * input.config.data.context_length,
       .micro_batches = plan.batch.micro_batches,
       .recompute = input.config.train.recompute,
       .release_memory = input.config.train.release_memory,
       .program_bytes = input.program_bytes});
  warn_about_length(plan, input.model, input.config, plan.warnings);
  warn_about_rates(plan, input.config, plan.warnings);
  warn_about_shape(plan, input.model, plan.warnings);
  return plan;
}

}  // namespace llm::train
