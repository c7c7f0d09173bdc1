#include "llm/train/session.h"

#include "llm/convert/model_directory.h"
#include "llm/core/arith.h"
#include "llm/core/error.h"
#include "llm/core/log.h"
#include "llm/io/atomic_file.h"
#include "llm/io/config_json.h"
#include "llm/io/file_lock.h"
#include "llm/io/hash.h"
#include "llm/nn/init.h"
#include "llm/objectives/pretrain.h"
#include "llm/tensor/memory_stats.h"
#include "llm/tensor/paged_memory.h"

namespace llm::train {

namespace {

namespace fs = std::filesystem;

constexpr int64_t kVocabularyMultiple = 64;  // rows of the embedding, for efficient products

void adopt_tokenizer(arch::ModelConfig& model, const text::Tokenizer& tokenizer) {
  const int64_t rows = core::round_up<int64_t>(tokenizer.vocab_size(), kVocabularyMultiple);
  if (rows != model.vocab_size) {
    core::log_info(
        "vocab_size {} of the model config becomes {}: the tokenizer's {} ids, rounded up to a "
        "multiple of {}",
        model.vocab_size, rows, tokenizer.vocab_size(), kVocabularyMultiple);
  }
  model.vocab_size = rows;
  model.bos_token_id = tokenizer.bos_id();
  model.pad_token_id = tokenizer.pad_id();
  model.eos_token_ids.clear();
  if (tokenizer.eos_id()) model.eos_token_ids.push_back(*tokenizer.eos_id());
}

data::TokenDataset open_rows(const std::vector<fs::path>& shards, const RunConfig& config,
                             const RunInputs& inputs) {
  return data::TokenDataset({.shards = shards,
                             .context_length = config.data.context_length,
                             .tokenizer_fingerprint = inputs.tokenizer->fingerprint(),
                             .tokenizer_name = config.data.tokenizer.empty()
                                                   ? "in " + config.data.path
                                                   : config.data.tokenizer});
}

// Everything the run directory of one run is opened for.
class RunDirectory {
 public:
  explicit RunDirectory(const fs::path& path) : path_(path), lock_(prepared(path) / ".lock") {
    core::set_log_file((path_ / "log.txt").string());
  }
  ~RunDirectory() { core::set_log_file(""); }
  const fs::path& path() const { return path_; }

 private:
  static const fs::path& prepared(const fs::path& path) {
    std::error_code error;
    fs::create_directories(path, error);
    if (error) {
      throw core::IoError({path.string(), "a run directory that can be made", error.message(),
                           "Choose another --run-dir"},
                          error.value());
    }
    return path;
  }

  fs::path path_;
  io::FileLock lock_;
};

std::string list_differences(const std::vector<core::ConfigDifference>& differences) {
  std::string text;
  for (const auto& difference : differences) {
    text += fmt::format("{}{}: {} -> {}", text.empty() ? "" : "; ", difference.key,
                        difference.before, difference.after);
  }
  return text;
}

void check_resume(const fs::path& checkpoint, const SavedState& saved,
                  const core::ConfigNode& config, const TrainerState& now) {
  const auto differences = compare_for_resume(saved.config, config);
  if (!differences.refused.empty()) {
    throw core::ConfigError({checkpoint.string(), "the settings the run was started with",
                             list_differences(differences.refused),
                             "Set them back, or start a new run with another --run-dir"});
  }
  if (!differences.noted.empty()) {
    core::log_warn("resuming with changed settings, so the run is not the uninterrupted one: {}",
                   list_differences(differences.noted));
  }
  if (saved.state.tokenizer_fingerprint != now.tokenizer_fingerprint) {
    throw core::ConfigError(
        {checkpoint.string(),
         "tokenizer fingerprint " + io::hex64(saved.state.tokenizer_fingerprint),
         io::hex64(now.tokenizer_fingerprint), "The run was trained with another tokenizer"});
  }
  if (saved.state.data_fingerprint != now.data_fingerprint) {
    throw core::ConfigError({checkpoint.string(),
                             "data fingerprint " + io::hex64(saved.state.data_fingerprint),
                             io::hex64(now.data_fingerprint),
                             "The prepared data changed since the run was started; start a new run "
                             "with another --run-dir"});
  }
  if (saved.state.num_threads != now.num_threads) {
    core::log_warn(
        "resuming with {} thread(s) after {}: sums are taken in another order, so the run is not "
        "bit-equal to the "
        "uninterrupted one",
        now.num_threads, saved.state.num_threads);
  }
}

std::optional<fs::path> checkpoint_to_resume(const SessionOptions& options,
                                             const CheckpointFolder& checkpoints) {
  if (options.resume == ResumeMode::kFrom)
    return convert::resolve_model_directory(options.resume_from);
  for (const fs::path& path : checkpoints.damaged()) {
    core::log_warn(
        "{} is incomplete or damaged (its files do not match manifest.json) and is left out",
        path.string());
  }
  const auto newest = checkpoints.newest();
  if (!newest) return std::nullopt;
  if (options.resume == ResumeMode::kNever) {
    throw core::ConfigError({options.run_directory.string(),
                             "a run directory without checkpoints (--resume never)",
                             newest->path.filename().string(),
                             "Choose another --run-dir, or drop --resume never to go on"});
  }
  // Reads every byte once: a checkpoint whose content changed must not be trained on.
  return convert::resolve_model_directory(newest->path);
}

struct ModelState {
  std::unique_ptr<tensor::ParameterStore> store;
  std::unique_ptr<nn::CausalLM> model;
};

ModelState make_model(const RunConfig& config, const arch::ModelConfig& model,
                      const SessionOptions& options, const std::optional<fs::path>& checkpoint) {
  ModelState made;
  made.store = std::make_unique<tensor::ParameterStore>(
      arch::parameter_specs(model),
      tensor::StoreOptions{.device = options.device,
                           .release_gradients = config.train.release_memory});
  if (checkpoint) {
    convert::load_weights(*checkpoint, model, *made.store);
  } else if (!config.model.init_from.empty()) {
    convert::load_weights(convert::resolve_model_directory(config.model.init_from), model,
                          *made.store);
  } else {
    nn::initialize(*made.store, model, static_cast<uint64_t>(config.train.seed),
                   config.model.scale_residual_init);
  }
  made.store->allocate_gradients();
  made.store->allocate_moments();
  if (checkpoint) load_optimizer(*checkpoint, *made.store);
  made.model = std::make_unique<nn::CausalLM>(model, *made.store);
  made.model->set_recompute(config.train.recompute);
  return made;
}

std::vector<std::unique_ptr<MetricsSink>> make_sinks(const RunConfig& config,
                                                     const SessionOptions& options,
                                                     int64_t first_step, int64_t steps) {
  std::vector<std::unique_ptr<MetricsSink>> sinks;
  sinks.push_back(make_jsonl_sink(options.run_directory / "metrics.jsonl", first_step));
  if (config.log.tensorboard)
    sinks.push_back(make_tensorboard_sink(options.run_directory, first_step));
  if (options.show_progress) sinks.push_back(make_terminal_sink(steps, first_step));
  return sinks;
}

}  // namespace

RunInputs read_inputs(const RunConfig& config) {
  validate(config);
  RunInputs inputs;
  inputs.dataset = corpus::read_prepared_dataset(config.data.path);
  inputs.tokenizer = text::load_tokenizer(
      config.data.tokenizer.empty() ? inputs.dataset.tokenizer : fs::path(config.data.tokenizer));
  if (!config.model.config.empty()) {
    inputs.model = arch::read_model_config(config.model.config);
    adopt_tokenizer(inputs.model, *inputs.tokenizer);
  } else {
    inputs.model = arch::read_model_config(
        convert::resolve_model_directory(config.model.init_from) / "config.json");
    if (inputs.tokenizer->vocab_size() > inputs.model.vocab_size) {
      throw core::ConfigError(
          {"model.init_from",
           fmt::format("a vocabulary of at least {} ids", inputs.tokenizer->vocab_size()),
           fmt::format("vocab_size {}", inputs.model.vocab_size),
           "Prepare the data with the tokenizer of that model"});
    }
  }
  arch::validate(inputs.model,
                 config.model.config.empty() ? config.model.init_from : config.model.config);
  return inputs;
}

RunSummary pretrain(const RunConfig& config, const SessionOptions& options) {
  tensor::use_paged_memory(config.train.release_memory ? tensor::PagePolicy::kRelease
                                                       : tensor::PagePolicy::kKeep);
  const RunInputs inputs = read_inputs(config);
  const BatchPlan batch = plan_batch(config, 1);
  const data::TokenDataset rows = open_rows(inputs.dataset.train.paths(), config, inputs);
  std::optional<data::TokenDataset> validation;
  if (!inputs.dataset.validation.shards.empty())
    validation.emplace(open_rows(inputs.dataset.validation.paths(), config, inputs));
  const int64_t steps = total_steps(config, batch, rows.num_rows());

  const RunDirectory directory(options.run_directory);
  CheckpointFolder checkpoints(options.run_directory);
  const auto checkpoint = checkpoint_to_resume(options, checkpoints);
  const core::ConfigNode resolved = core::dump_config(config);
  TrainerState state;
  state.tokenizer_fingerprint = inputs.tokenizer->fingerprint();
  state.data_fingerprint = rows.fingerprint();
  state.num_threads = options.num_threads;
  if (checkpoint) {
    const SavedState saved = load_state(*checkpoint);
    check_resume(*checkpoint, saved, resolved, state);
    const int64_t threads = state.num_threads;
    state = saved.state;
    state.num_threads = threads;
    core::log_info("resuming from {} at step {}", checkpoint->string(), state.step);
  }
  io::write_file_atomically(options.run_directory / "config.json",
                            io::to_json(resolved).dump(2) + "\n");

  const ModelState made = make_model(config, inputs.model, options, checkpoint);
  objectives::PretrainObjective objective;
  const auto sinks = make_sinks(config, options, state.step, steps);
  TrainerSetup setup;
  setup.config = config;
  setup.resolved_config = resolved;
  setup.batch = batch;
  setup.total_steps = steps;
  setup.model = made.model.get();
  setup.objective = &objective;
  setup.train_data = &rows;
  setup.validation_data = validation ? &*validation : nullptr;
  setup.save_model = [&](const fs::path& target) {
    convert::save_model(target, inputs.model, *made.store, inputs.tokenizer.get(), {},
                        inputs.tokenizer->chat_template());
  };
  for (const auto& sink : sinks) setup.sinks.push_back(sink.get());
  setup.should_stop = options.should_stop;
  setup.flops_per_token =
      arch::train_flops_per_token(inputs.model, static_cast<double>(config.data.context_length));

  RunSummary summary;
  summary.first_step = state.step;
  summary.total_steps = steps;
  summary.run_directory = options.run_directory;
  Trainer trainer(std::move(setup), state, checkpoints);
  summary.end = trainer.run();
  summary.state = trainer.state();
  summary.last_step = trainer.last_step();
  summary.last_eval_loss = trainer.last_eval_loss();
  summary.tokens_per_second = trainer.tokens_per_second();
  summary.peak_memory_bytes = tensor::memory_stats(options.device).peak_bytes;
  summary.checkpoint = checkpoints.newest()->path;
  return summary;
}

}  // namespace llm::train
