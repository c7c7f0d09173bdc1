#include "llm/train/tune_session.h"

#include <fmt/format.h>

#include "llm/arch/parameters.h"
#include "llm/core/error.h"
#include "llm/core/format.h"
#include "llm/core/log.h"
#include "llm/io/config_json.h"
#include "llm/tensor/paged_memory.h"
#include "train/eval_samples.h"
#include "train/execution.h"
#include "train/rank_phase.h"
#include "train/reference_logprobs.h"
#include "train/resume.h"
#include "train/run_loop.h"
#include "train/shared_run_directory.h"
#include "train/start_up.h"
#include "train/tune_inputs.h"
#include "train/tune_model.h"

namespace llm::train {

namespace {

namespace fs = std::filesystem;

LoopConfig loop_of(const TuneConfig& config, const TuneKind& kind, const BatchPlan& batch) {
  LoopConfig::Evaluation eval{config.eval, config.eval.at_start, config.eval.best_metric};
  if (eval.best_metric.empty()) eval.best_metric = kind.best_metric;
  return {.optim = config.optim,
          .seed = static_cast<uint64_t>(config.train.seed),
          .micro_batch_rows = config.train.micro_batch_rows,
          .micro_batches = batch.micro_batches,
          .log_every_steps = config.log.every_steps,
          .has_noise = kind.has_noise || config.lora.has_dropout(),
          .reduction = config.dist.reduction(),
          .spikes = config.spikes,
          .checkpoint = config.checkpoint,
          .max_file_bytes = config.checkpoint.max_file_bytes(),
          .eval = std::move(eval)};
}

RunIdentity identity_of(const TuneConfig& config, const TuneKind& kind, const TuneInputs& inputs,
                        const SessionOptions& options) {
  RunIdentity identity{.config = kind.config,
                       .model = {},
                       .tokenizer_fingerprint = inputs.source.tokenizer->fingerprint(),
                       .data_fingerprint = inputs.data_fingerprint(),
                       .execution = execution_of(options, config.dist)};
  if (config.lora.r == 0) identity.model = inputs.source.config;
  return identity;
}

ForgettingGate make_gate(const TuneConfig& config, const TuneInputs& inputs,
                         const TunedModel& tuned, const TuneHooks& hooks) {
  if (config.gate.texts.empty()) return {};
  return {.perplexity =
              [&] { return hooks.perplexity(*tuned.model, *inputs.source.tokenizer, config.gate); },
          .max_increase = config.gate.max_increase,
          .action = config.gate.action};
}

void log_size(const TuneInputs& inputs, const TunedModel& tuned) {
  const auto total = static_cast<double>(arch::num_parameters(inputs.source.config));
  int64_t trained = 0;
  for (const auto& range : tuned.trained().parameters()) trained += range.numel;
  core::log_info(
      "{} parameters, {} of them trained; {} examples in {} rows, {} steps of about {} "
      "tokens",
      core::format_count(total), core::format_count(static_cast<double>(trained)),
      inputs.rows->num_samples(), inputs.rows->rows_in_epoch(0), inputs.total_steps,
      inputs.batch.tokens_per_step);
}

std::shared_ptr<const objectives::ReferenceLogprobs> open_reference(const TuneKind& kind,
                                                                    const SessionOptions& options,
                                                                    const TuneInputs& inputs,
                                                                    bool resumes,
                                                                    nn::CausalLM& model) {
  if (!kind.needs_reference) return nullptr;
  const ReferenceLogprobs file(options.run_directory, inputs);
  std::shared_ptr<const objectives::ReferenceLogprobs> reference;
  run_on_first_rank_first(*options.group, "reference log-probabilities", [&] {
    // What rank 0 computed lies in the file when the others come.
    if (resumes || options.group->rank() > 0) reference = file.read();
    if (!reference) reference = file.compute(model);
  });
  return reference;
}

// All of it but the objective and what follows from the run directory.
TrainerSetup make_setup(const TuneConfig& config, const TuneKind& kind, const TuneInputs& inputs,
                        const TunedModel& tuned, const TuneHooks& hooks) {
  TrainerSetup setup;
  setup.loop = loop_of(config, kind, inputs.batch);
  setup.resolved_config = kind.config;
  setup.total_steps = inputs.total_steps;
  setup.model = tuned.model.get();
  setup.store = &tuned.trained();
  setup.train_rows = inputs.rows.get();
  setup.validation_rows = inputs.validation.get();
  setup.gate = make_gate(config, inputs, tuned, hooks);
  setup.model_files = tuned_model_files(tuned, inputs);
  setup.flops_per_token = arch::train_flops_per_token(
      inputs.source.config, static_cast<double>(inputs.rows->num_tokens()) /
                                static_cast<double>(inputs.rows->num_documents_in_all()));
  return setup;
}

// Requires: the run directory is ours.
RunSummary tune_opened(const TuneConfig& config, const TuneKind& kind,
                       const SessionOptions& options, const TuneHooks& hooks,
                       SharedRunDirectory& directory) {
  TuneInputs inputs;
  run_on_first_rank_first(*options.group, "reading the inputs",
                          [&] { inputs = open_tuning(config, kind, options, hooks); });
  const RunIdentity identity = identity_of(config, kind, inputs, options);
  introduce_ranks(options, identity);
  std::optional<ResumePoint> resume;
  TunedModel tuned;
  run_on_all_ranks(*options.group, "loading", [&] {
    resume = find_resume_point(identity, options);
    tuned = make_tuned_model(config, inputs, options);
  });
  const TrainerState state = first_state(identity, options, resume);
  inputs.source.weights.reset();  // what was read of the mapped files counts as our memory
  log_size(inputs, tuned);
  const auto reference = open_reference(kind, options, inputs, resume.has_value(), *tuned.model);
  run_on_all_ranks(*options.group, "training state", [&] {
    prepare_training(tuned, inputs.source.config, resume, options, config.dist);
  });
  const auto objective = kind.make_objective(inputs.source_names(), reference);

  TrainerSetup setup = make_setup(config, kind, inputs, tuned, hooks);
  setup.group = options.group.get();
  setup.objective = objective.get();
  const fs::path samples = options.run_directory / "eval_samples.jsonl";
  std::optional<EvalSamplesWriter> writer;
  if (inputs.validation && options.group->rank() == 0) {
    writer.emplace(samples, state.step, inputs.source_names());
    setup.record_samples = [&](int64_t step, const auto& scores) { writer->write(step, scores); };
  }
  RunSummary summary = run_loop(std::move(setup), state, options, config.log, directory);
  if (writer) summary.change = eval_change(samples);
  return summary;
}

RunSummary tune_kind(const TuneConfig& config, const TuneKind& kind, const SessionOptions& options,
                     const TuneHooks& hooks) {
  validate(config);
  tensor::use_paged_memory(config.train.release_memory ? tensor::PagePolicy::kRelease
                                                       : tensor::PagePolicy::kKeep);
  SharedRunDirectory directory(*options.group, options.run_directory, config.log);
  return with_error_log(directory, [&] {
    directory.open();
    RunSummary summary = tune_opened(config, kind, options, hooks, directory);
    while (summary.end == RunEnd::kRolledBack)
      summary = tune_opened(config, kind, after_rollback(options), hooks, directory);
    return summary;
  });
}

TuneCheck check_kind(const TuneConfig& config, const TuneKind& kind, const SessionOptions& options,
                     const TuneHooks& hooks) {
  const TuneInputs inputs = open_tuning(config, kind, options, hooks);
  const arch::ModelConfig& model = inputs.source.config;
  convert::require_exact_weights(*inputs.source.weights, model);
  TuneCheck check;
  check.num_parameters = arch::num_parameters(model);
  check.num_trained = check.num_parameters;
  if (config.lora.r > 0) {
    check.num_trained = 0;
    const TunedLora lora = describe_adapter(config, inputs);
    for (const auto& spec : nn::lora_parameter_specs(lora.layout))
      check.num_trained += spec.numel();
  }
  check.batch = inputs.batch;
  check.total_steps = inputs.total_steps;
  check.train = inputs.examples;
  check.validation = inputs.validation_examples;
  if (const auto resume = find_resume_point(identity_of(config, kind, inputs, options), options)) {
    check.first_step = restored_state(resume->saved.state, options.restore).step;
    check.resumes_from = resume->checkpoint;
  }
  return check;
}

}  // namespace

TuneCheck check_tuning(const AnyTuneConfig& any, const SessionOptions& options,
                       const TuneHooks& hooks) {
  return std::visit(
      [&](const auto& config) { return check_kind(config, kind_of(config), options, hooks); }, any);
}

RunSummary tune(const AnyTuneConfig& any, const SessionOptions& options, const TuneHooks& hooks) {
  return std::visit(
      [&](const auto& config) { return tune_kind(config, kind_of(config), options, hooks); }, any);
}

}  // namespace llm::train
