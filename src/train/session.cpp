#include "llm/train/session.h"

#include <c10/util/Exception.h>
#include <fmt/format.h>

#include "llm/convert/model_directory.h"
#include "llm/convert/weight_files.h"
#include "llm/core/error.h"
#include "llm/core/format.h"
#include "llm/core/log.h"
#include "llm/io/atomic_file.h"
#include "llm/io/config_json.h"
#include "llm/io/file_lock.h"
#include "llm/nn/init.h"
#include "llm/objectives/pretrain.h"
#include "llm/tensor/memory_stats.h"
#include "llm/tensor/paged_memory.h"
#include "train/opened_run.h"
#include "train/resume.h"

namespace llm::train {

namespace {

namespace fs = std::filesystem;

// Held while a process trains in the directory.
class RunDirectory {
 public:
  explicit RunDirectory(const fs::path& path) : lock_(prepared(path) / ".lock") {
    core::set_log_file((path / "log.txt").string());
  }
  ~RunDirectory() { core::set_log_file(""); }
  RunDirectory(const RunDirectory&) = delete;
  RunDirectory& operator=(const RunDirectory&) = delete;

 private:
  // A run writes config.json; in a model's own directory it would take the model's place.
  static void require_no_model(const fs::path& path) {
    for (const char* of_a_run : {".lock", "metrics.jsonl", "checkpoints"})
      if (fs::exists(path / of_a_run)) return;
    for (const char* of_a_model :
         {"config.json", "model.safetensors", "model.safetensors.index.json", "tokenizer.json"}) {
      if (!fs::exists(path / of_a_model)) continue;
      throw core::ConfigError({path.string(), "a new directory, or one of a run",
                               fmt::format("a directory with {}, which no run made", of_a_model),
                               "Choose another --run-dir; to train a model further, name it under "
                               "model.init_from"});
    }
  }

  static const fs::path& prepared(const fs::path& path) {
    require_no_model(path);
    std::error_code error;
    fs::create_directories(path, error);
    if (error) {
      throw core::IoError({path.string(), "a run directory that can be made", error.message(),
                           "Choose another --run-dir"},
                          error.value());
    }
    return path;
  }

  io::FileLock lock_;
};

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
  made.store->allocate_gradients();
  made.store->allocate_moments();
  if (resume) load_optimizer(resume->checkpoint, *made.store);
  made.model = std::make_unique<nn::CausalLM>(model, *made.store);
  made.model->set_recompute(config.train.recompute);
  return made;
}

TrainerState first_state(const OpenedRun& run, const SessionOptions& options,
                         const std::optional<ResumePoint>& resume) {
  TrainerState state;
  if (resume) state = resume->saved.state;
  state.tokenizer_fingerprint = run.inputs.tokenizer->fingerprint();
  state.data_fingerprint = run.rows.fingerprint();
  state.num_threads = options.num_threads;
  return state;
}

// The run that is now continued from `step` is the only one its directory shows.
void leave_later_steps(const SessionOptions& options, int64_t step) {
  for (const auto& info : CheckpointFolder(options.run_directory).set_aside_after(step)) {
    core::log_warn("step {} lies after step {}, from which the run goes on: moved to {}", info.step,
                   step, info.path.string());
  }
}

std::vector<std::unique_ptr<MetricsSink>> make_sinks(const RunConfig& config,
                                                     const SessionOptions& options,
                                                     int64_t first_step, int64_t steps) {
  std::vector<std::unique_ptr<MetricsSink>> sinks;
  sinks.push_back(make_jsonl_sink(options.run_directory / "metrics.jsonl", first_step));
  sinks.push_back(make_log_sink(steps));
  if (config.log.tensorboard)
    sinks.push_back(make_tensorboard_sink(options.run_directory, first_step));
  if (options.show_progress) sinks.push_back(make_terminal_sink(steps, first_step));
  return sinks;
}

RunSummary summarize(const Trainer& trainer, RunEnd end, const SessionOptions& options) {
  RunSummary summary;
  summary.end = end;
  summary.state = trainer.state();
  summary.last_step = trainer.last_step();
  summary.last_eval_loss = trainer.last_eval_loss();
  summary.tokens_per_second = trainer.tokens_per_second();
  summary.peak_memory_bytes = tensor::memory_stats(options.device).peak_bytes;
  summary.run_directory = options.run_directory;
  summary.checkpoint = CheckpointFolder(options.run_directory).newest()->path;
  return summary;
}

// Requires: the run directory is ours.
RunSummary train_opened(const RunConfig& config, const SessionOptions& options,
                        const OpenedRun& run, const std::optional<ResumePoint>& resume) {
  const core::ConfigNode resolved = core::dump_config(config);
  const TrainerState state = first_state(run, options, resume);
  if (resume) {
    core::log_info("resuming from {} at step {}", resume->checkpoint.string(), state.step);
  }
  const fs::path settings = options.run_directory / "config.json";
  core::log_info("{} parameters, {} training tokens, {} steps of {} tokens; every setting: {}",
                 core::format_count(static_cast<double>(arch::num_parameters(run.inputs.model))),
                 core::format_count(static_cast<double>(run.rows.num_tokens())), run.total_steps,
                 run.batch.tokens_per_step, settings.string());
  io::write_file_atomically(settings, io::to_json(resolved).dump(2) + "\n");
  const ModelState made = make_model(config, run.inputs.model, options, resume);
  leave_later_steps(options, state.step);
  objectives::PretrainObjective objective;
  const auto sinks = make_sinks(config, options, state.step, run.total_steps);

  TrainerSetup setup;
  setup.config = config;
  setup.resolved_config = resolved;
  setup.batch = run.batch;
  setup.total_steps = run.total_steps;
  setup.model = made.model.get();
  setup.objective = &objective;
  setup.train_data = &run.rows;
  setup.validation_data = run.validation ? &*run.validation : nullptr;
  setup.save_model = [&](const fs::path& target) {
    convert::save_model(target, run.inputs.model, *made.store, run.inputs.tokenizer.get(), {},
                        run.inputs.tokenizer->chat_template());
  };
  for (const auto& sink : sinks) setup.sinks.push_back(sink.get());
  setup.should_stop = options.should_stop;
  setup.flops_per_token = arch::train_flops_per_token(
      run.inputs.model, static_cast<double>(config.data.context_length));

  Trainer trainer(std::move(setup), state, CheckpointFolder(options.run_directory));
  const RunEnd end = trainer.run();
  RunSummary summary = summarize(trainer, end, options);
  summary.first_step = state.step;
  summary.total_steps = run.total_steps;
  return summary;
}

// A directory that is there may be in use, and holds what the run goes on from; a new one is made
// once nothing is wrong with the rest.
RunSummary train_in(std::optional<RunDirectory>& directory, const RunConfig& config,
                    const SessionOptions& options) {
  if (fs::is_directory(options.run_directory)) directory.emplace(options.run_directory);
  const OpenedRun run = open_run(config, options);
  const auto resume = find_resume_point(config, options, run);
  if (!directory) directory.emplace(options.run_directory);
  const RunSummary summary = train_opened(config, options, run, resume);
  core::log_to_file(core::LogLevel::kInfo, fmt::format("{} at step {} of {}", end_name(summary.end),
                                                       summary.state.step, summary.total_steps));
  return summary;
}

// Without the forty lines of frames that LibTorch appends.
std::string message_of(const std::exception& error) {
  const auto* torch_error = dynamic_cast<const c10::Error*>(&error);
  return torch_error != nullptr ? torch_error->what_without_backtrace() : error.what();
}

}  // namespace

RunCheck check_run(const RunConfig& config, const SessionOptions& options) {
  const OpenedRun run = open_run(config, options);
  const auto resume = find_resume_point(config, options, run);
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
    check.first_step = resume->saved.state.step;
    check.resumes_from = resume->checkpoint;
  }
  return check;
}

RunSummary pretrain(const RunConfig& config, const SessionOptions& options) {
  tensor::use_paged_memory(config.train.release_memory ? tensor::PagePolicy::kRelease
                                                       : tensor::PagePolicy::kKeep);
  std::optional<RunDirectory> directory;
  try {
    return train_in(directory, config, options);
  } catch (const std::exception& error) {
    core::log_to_file(core::LogLevel::kError, message_of(error));
    throw;
  }
}

}  // namespace llm::train
