// A tiny pretraining run held in a temporary folder: shards of random documents, a random model, a
// trainer.
#pragma once

#include <memory>
#include <vector>

#include "llm/arch/parameters.h"
#include "llm/convert/model_directory.h"
#include "llm/data/token_dataset.h"
#include "llm/io/token_shard.h"
#include "llm/objectives/nll.h"
#include "llm/train/run_config.h"
#include "llm/train/trainer.h"
#include "support/temp_directory.h"
#include "support/tiny_model.h"
#include "train/optimizer_files.h"
#include "train/skip_log.h"

namespace llm::test {

// Keeps what it is told.
class MemorySink final : public train::MetricsSink {
 public:
  void record(const train::MetricsRecord& record) override { records.push_back(record); }
  std::vector<train::MetricsRecord> records;
};

inline std::filesystem::path write_random_shard(const std::filesystem::path& path, uint64_t seed,
                                                int64_t documents) {
  io::TokenShardWriter writer(path,
                              {.bytes_per_id = 2, .tokenizer_fingerprint = 42, .vocab_size = 97});
  core::PhiloxStream random(seed);
  for (int64_t i = 0; i < documents; ++i) {
    // Counting up by a step of the document's own: something a model can learn.
    const auto stride = 1 + random.next_below(3);
    std::vector<int32_t> ids(5 + random.next_below(20));
    for (size_t k = 0; k < ids.size(); ++k)
      ids[k] = static_cast<int32_t>((k * stride + static_cast<uint64_t>(i)) % 97);
    writer.add_document(static_cast<uint64_t>(i), ids);
  }
  writer.commit();
  return path;
}

class TinyRun {
 public:
  explicit TinyRun(arch::ModelConfig model = tiny_config()) : model_config_(std::move(model)) {
    config.model.config = "tiny";
    config.data.context_length = 16;
    config.optim.lr = 1e-2;
    config.optim.schedule.warmup_steps = 2;
    config.train.max_steps = 12;
    config.train.batch_tokens = 128;
    config.train.micro_batch_rows = 4;
    config.eval.every_steps = 4;
    config.checkpoint.every_steps = 5;
    config.checkpoint.keep_last = 100;
    config.log.every_steps = 1;
    rows = std::make_unique<data::TokenDataset>(dataset_options("train.tokens", 1, 80));
    validation = std::make_unique<data::TokenDataset>(dataset_options("validation.tokens", 2, 20));
  }

  // Trains until the end or until should_stop says so, from a checkpoint when given. Each call
  // stands for a process of its own.
  train::RunEnd train(const std::string& run_name, const std::filesystem::path& checkpoint = {},
                      const std::function<bool()>& should_stop = {}) {
    tiny = make_tiny_model(model_config_);
    optim::allocate_training_state(*tiny.store, *group, reduction);
    train::TrainerState state;
    if (!checkpoint.empty()) {
      convert::load_weights(convert::WeightFiles(checkpoint), model_config_, *tiny.store);
      train::load_optimizer(checkpoint, *tiny.store);
      state = train::load_state(checkpoint).state;
    }
    std::filesystem::create_directories(run_directory(run_name));
    state.skipped = train::joined_skips(std::move(state.skipped),
                                        train::read_skip_log(run_directory(run_name)));
    train::TrainerSetup setup;
    setup.group = group.get();
    const auto batch = train::plan_batch(config);
    const data::TokenRows train_rows(*rows, static_cast<uint64_t>(config.train.seed),
                                     config.data.shuffle);
    const data::TokenRows validation_rows(*validation, 0, false);
    setup.loop = train::loop_config(config, batch);
    setup.loop.reduction = reduction;
    if (max_file_bytes > 0) setup.loop.max_file_bytes = max_file_bytes;
    setup.resolved_config = core::dump_config(config);
    setup.total_steps = train::total_steps(config, batch, rows->num_rows());
    setup.model = tiny.model.get();
    setup.store = tiny.store.get();
    setup.objective = other_objective != nullptr ? other_objective : &objective;
    setup.train_rows = &train_rows;
    setup.validation_rows = &validation_rows;
    setup.model_files.create = [this](const std::filesystem::path& target, int64_t max_bytes) {
      convert::save_model(target, model_config_, convert::TensorSource(), nullptr, {}, "",
                          {.max_shard_bytes = max_bytes});
    };
    setup.model_files.tensor_names = [](const std::string& name) { return std::vector{name}; };
    setup.save_group = save_group.get();
    setup.record_skips = [&](const std::vector<train::SkippedRows>& skipped) {
      train::write_skip_log(run_directory(run_name), skipped);
    };
    setup.sinks = {&sink};
    setup.should_stop = should_stop;
    train::Trainer trainer(std::move(setup), state,
                           train::CheckpointFolder(run_directory(run_name)));
    const auto end = trainer.run();
    last_state = trainer.state();
    return end;
  }

  std::filesystem::path run_directory(const std::string& run_name) const {
    return (shared_folder.empty() ? folder.path() : shared_folder) / run_name;
  }

  test::TempDirectory folder;
  std::filesystem::path shared_folder;  // of the runs of all ranks; empty: `folder`
  std::shared_ptr<dist::ProcessGroup> group = dist::make_local_group();
  std::shared_ptr<dist::ProcessGroup> save_group;  // null: `group`
  train::RunConfig config;
  optim::ReductionOptions reduction;
  std::unique_ptr<data::TokenDataset> rows, validation;
  objectives::NllObjective objective;
  int64_t max_file_bytes = 0;                        // of checkpoints; 0: as the config says
  objectives::Objective* other_objective = nullptr;  // instead of that
  TinyModel tiny;
  MemorySink sink;
  train::TrainerState last_state;

 private:
  data::TokenDataset::Options dataset_options(const std::string& name, uint64_t seed,
                                              int64_t documents) {
    return {.shards = {write_random_shard(folder.path() / name, seed, documents)},
            .context_length = config.data.context_length,
            .tokenizer_fingerprint = 42,
            .tokenizer_name = "test"};
  }
  arch::ModelConfig model_config_;
};

}  // namespace llm::test
