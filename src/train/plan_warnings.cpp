#include "train/plan_warnings.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "llm/core/format.h"

namespace llm::train {

namespace {

using Warnings = std::vector<std::string>;

std::string count_text(int64_t count) { return core::format_count(static_cast<double>(count)); }

constexpr double kTableBatch = 524288;  // tokens a step of GPT-3's smaller models

// The learning rate that is usual for a model's size and a run's batch (docs/numerics.md).
double usual_rate(const RunPlan& plan) {
  const auto parameters = static_cast<double>(plan.parameters.total());
  const double by_size = 6e-4 * std::pow(125e6 / parameters, 0.4);
  const double best_batch = 0.58 * std::pow(static_cast<double>(plan.total_tokens), 0.571);
  const auto batch = static_cast<double>(plan.batch.tokens_per_step);
  return by_size * std::min(1.0, std::sqrt(batch / std::min(best_batch, kTableBatch)));
}

void warn_about_length(const RunPlan& plan, Warnings& warnings) {
  if (plan.tokens_per_parameter < 5) {
    warnings.push_back(
        fmt::format("{:.2g} tokens per parameter: far below the 20 of compute-optimal training "
                    "(arXiv 2203.15556); a smaller model would reach a lower loss in the same time",
                    plan.tokens_per_parameter));
  }
  if (plan.epochs > 8) {
    warnings.push_back(fmt::format(
        "{:.1f} passes over the data: repeats beyond about 4 help little (arXiv 2305.16264)",
        plan.epochs));
  }
}

void warn_about_data(const PlanInput& input, Warnings& warnings) {
  if (auto warning = context_length_warning(input.config, input.model)) {
    warnings.push_back(std::move(*warning));
  }
  const int64_t context = input.config.data.context_length;
  const int64_t validation = input.validation_tokens.value_or(context);
  if (validation > 0 && validation < context) {
    warnings.push_back(
        fmt::format("the validation split holds {} tokens and a row {}: pretrain will refuse it. "
                    "Set a smaller data.context_length, or set more aside with llmdata prepare "
                    "--validation-fraction",
                    validation, context));
  }
}

void warn_about_rates(const RunPlan& plan, const RunConfig& config, Warnings& warnings) {
  const double usual = usual_rate(plan);
  if (config.optim.lr > 6 * usual) {
    warnings.push_back(
        fmt::format("optim.lr {:.1e} is high for {} parameters and {} tokens a step (usual: about "
                    "{:.1e}); expect spikes, or raise train.batch_tokens",
                    config.optim.lr, count_text(plan.parameters.total()),
                    count_text(plan.batch.tokens_per_step), usual));
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

void warn_about_shape(const RunPlan& plan, const arch::ModelConfig& model, Warnings& warnings) {
  const double share = static_cast<double>(plan.parameters.embedding + plan.parameters.head) /
                       static_cast<double>(plan.parameters.total());
  if (share > 0.6) {
    warnings.push_back(
        fmt::format("{:.0f} % of the parameters are embeddings: a smaller vocabulary than {} would "
                    "leave more for the blocks",
                    100 * share, model.vocab_size));
  }
}

void warn_about_memory(const RunPlan& plan, const PlanInput& input, Warnings& warnings) {
  if (input.machine_bytes == 0 || plan.memory.peak_bytes <= input.machine_bytes) return;
  warnings.push_back(
      fmt::format("the peak of {} is more than the {} of this machine: lower "
                  "train.micro_batch_rows or data.context_length, set train.recompute to block, "
                  "or take a smaller model",
                  core::format_bytes(static_cast<uint64_t>(plan.memory.peak_bytes)),
                  core::format_bytes(static_cast<uint64_t>(input.machine_bytes))));
}

void warn_about_ranks(const RunPlan& plan, Warnings& warnings) {
  const RanksPlan& ranks = plan.ranks;
  if (ranks.most_micro_batches == ranks.least_micro_batches) return;
  const double used = static_cast<double>(plan.batch.micro_batches) /
                      static_cast<double>(ranks.ranks * ranks.most_micro_batches);
  warnings.push_back(fmt::format(
      "{} micro-batches do not divide among {} ranks: {:.0f} % of their time is waiting; "
      "choose train.batch_tokens and train.micro_batch_rows so that they do",
      plan.batch.micro_batches, ranks.ranks, 100 * (1 - used)));
}

}  // namespace

std::optional<std::string> context_length_warning(const RunConfig& config,
                                                  const arch::ModelConfig& model) {
  if (config.data.context_length <= model.max_position_embeddings) return std::nullopt;
  return fmt::format("data.context_length {} is beyond the model's max_position_embeddings {}",
                     config.data.context_length, model.max_position_embeddings);
}

std::vector<std::string> unwise_settings(const RunPlan& plan, const PlanInput& input) {
  Warnings warnings;
  warn_about_memory(plan, input, warnings);
  warn_about_ranks(plan, warnings);
  warn_about_length(plan, warnings);
  warn_about_data(input, warnings);
  warn_about_rates(plan, input.config, warnings);
  warn_about_shape(plan, input.model, warnings);
  return warnings;
}

}  // namespace llm::train
