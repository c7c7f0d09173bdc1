#include "llm/train/session.h"

#include <fmt/format.h>

#include "llm/convert/model_directory.h"
#include "llm/convert/weight_files.h"
#include "llm/core/error.h"
#include "llm/core/format.h"
#include "llm/core/log.h"
#include "llm/nn/init.h"
#include "llm/objectives/nll.h"
#include "llm/tensor/paged_memory.h"
#include "train/execution.h"
#include "train/opened_run.h"
#include "train/optimizer_files.h"
#include "train/rank_phase.h"
#include "train/resume.h"
#include "train/run_loop.h"
#include "train/shared_run_directory.h"
#include "train/start_up.h"

namespace llm::train {

namespace {

namespace fs = std::filesystem;

struct ModelState {
  std::unique_ptr<tensor::ParameterStore> store;
  std::unique_ptr<nn::CausalLM> model;
};

void fill_weights(const RunConfig& config, const arch::ModelConfig& model,
                  const std::optional<ResumePoint>& resume, tensor::ParameterStore& store) {
  if (resume) {
    convert::load_weights(convert::WeightFiles(resume->checkpoint), model, store);
  } else if (!config.model.init_from.empty()) {
    convert::load_weights(*convert::open_model(config.model.init_from).weights, model, store);
  } else {
    nn::initialize(store, model, static_cast<uint64_t>(config.train.seed),
                   config.model.scale_residual_init);
  }
}

ModelState make_model(const RunConfig& config, const arch::ModelConfig& model,
                      const SessionOptions& options, const std::optional<ResumePoint>& resume) {
  ModelState made;
  made.store = std::make_unique<tensor::ParameterStore>(
      arch::parameter_specs(model),
      tensor::StoreOptions{.device = options.device,
                           .release_gradients = config.train.release_memory});
  fill_weights(config, model, resume, *made.store);
  optim::allocate_training_state(*made.store, *options.group, config.dist.reduction());
  if (resume && options.restore.optimizer) load_optimizer(resume->checkpoint, *made.store);
  made.model = std::make_unique<nn::CausalLM>(model, *made.store);
  made.model->set_recompute(config.train.recompute);
  return made;
}

RunIdentity identity_of(const RunConfig& config, const OpenedRun& run,
                        const SessionOptions& options) {
  return {core::dump_config(config), run.inputs.model, run.inputs.tokenizer->fingerprint(),
          run.rows.fingerprint(), execution_of(options, config.dist)};
}

// Requires: the run directory is ours.
RunSummary train_opened(const RunConfig& config, const SessionOptions& options,
                        const OpenedRun& run, const std::optional<ResumePoint>& resume,
                        SharedRunDirectory& directory) {
  const TrainerState state = first_state(identity_of(config, run, options), options, resume);
  core::log_info("{} parameters, {} training tokens, {} steps of {} tokens; every setting: {}",
                 core::format_count(static_cast<double>(arch::num_parameters(run.inputs.model))),
                 core::format_count(static_cast<double>(run.rows.num_tokens())), run.total_steps,
                 run.batch.tokens_per_step, (options.run_directory / "config.json").string());
  ModelState made;
  run_on_all_ranks(*options.group, "loading",
                   [&] { made = make_model(config, run.inputs.model, options, resume); });
  objectives::NllObjective objective;
  const data::TokenRows rows(run.rows, static_cast<uint64_t>(config.train.seed),
                             config.data.shuffle);
  std::optional<data::TokenRows> validation;
  if (run.validation) validation.emplace(*run.validation, /*seed=*/0, /*shuffle=*/false);

  TrainerSetup setup;
  setup.group = options.group.get();
  setup.loop = loop_config(config, run.batch);
  setup.resolved_config = core::dump_config(config);
  setup.total_steps = run.total_steps;
  setup.model = made.model.get();
  setup.store = made.store.get();
  setup.objective = &objective;
  setup.train_rows = &rows;
  setup.validation_rows = validation ? &*validation : nullptr;
  setup.model_files.create = [&](const fs::path& target, int64_t max_file_bytes) {
    convert::save_model(target, run.inputs.model, convert::TensorSource(),
                        run.inputs.tokenizer.get(), {}, run.inputs.tokenizer->chat_template(),
                        {.max_shard_bytes = max_file_bytes});
  };
  setup.model_files.tensor_names = [](const std::string& name) { return std::vector{name}; };
  setup.flops_per_token = arch::train_flops_per_token(
      run.inputs.model, static_cast<double>(config.data.context_length));
  return run_loop(std::move(setup), state, options, config.log, directory);
}

// A directory that is there may be in use, and holds what the run goes on from; a new one is made
// once nothing is wrong with the rest.
RunSummary train_in(SharedRunDirectory& directory, const RunConfig& config,
                    const SessionOptions& options) {
  directory.open_existing();
  std::optional<OpenedRun> run;
  std::optional<ResumePoint> resume;
  const auto find_resume = [&](const SessionOptions& now) {
    resume = find_resume_point(identity_of(config, *run, now), now);
  };
  run_on_all_ranks(*options.group, "reading the inputs", [&] {
    run.emplace(open_run(config, options));
    find_resume(options);
  });
  introduce_ranks(options, identity_of(config, *run, options));
  directory.open();
  RunSummary summary = train_opened(config, options, *run, resume, directory);
  while (summary.end == RunEnd::kRolledBack) {
    const SessionOptions again = after_rollback(options);
    run_on_all_ranks(*options.group, "finding the checkpoint", [&] { find_resume(again); });
    summary = train_opened(config, again, *run, resume, directory);
  }
  return summary;
}

}  // namespace

RunCheck check_run(const RunConfig& config, const SessionOptions& options) {
  const OpenedRun run = open_run(config, options);
  const auto resume = find_resume_point(identity_of(config, run, options), options);
  const auto& model = run.inputs.model;
  if (resume) {
    convert::require_exact_weights(convert::WeightFiles(resume->checkpoint), model);
  } else if (!config.model.init_from.empty()) {
    convert::require_exact_weights(*convert::open_model(config.model.init_from).weights, model);
  }
  RunCheck check;
  check.num_parameters = arch::num_parameters(model);
  check.batch = run.batch;
  check.train_tokens = run.rows.num_tokens();
  check.train_rows = run.rows.num_rows();
  check.validation_rows = run.validation ? run.validation->num_rows() : 0;
  check.total_steps = run.total_steps;
  if (resume) {
    check.first_step = restored_state(resume->saved.state, options.restore).step;
    check.resumes_from = resume->checkpoint;
  }
  return check;
}

RunSummary pretrain(const RunConfig& config, const SessionOptions& options) {
  tensor::use_paged_memory(config.train.release_memory ? tensor::PagePolicy::kRelease
                                                       : tensor::PagePolicy::kKeep);
  SharedRunDirectory directory(*options.group, options.run_directory, config.log);
  return with_error_log(directory, [&] { return train_in(directory, config, options); });
}

}  // namespace llm::train
