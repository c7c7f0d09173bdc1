// A pretraining run as a user starts one: a tokenizer, prepared data, a model config and a run
// config, on disk in a temporary folder.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>

#include "llm/arch/model_config.h"
#include "llm/core/log.h"
#include "llm/corpus/prepare.h"
#include "llm/io/json.h"
#include "llm/text/bpe_trainer.h"
#include "llm/train/session.h"
#include "support/temp_directory.h"

namespace llm::test {

struct PreparedRunOptions {
  int documents = 60;
  double validation_fraction = 0.2;
};

class PreparedRun {
 public:
  explicit PreparedRun(const PreparedRunOptions& made_of = {}) {
    core::configure_log({.level = core::LogLevel::kError});
    write_text(made_of.documents);
    make_tokenizer();
    corpus::PrepareConfig prepare;
    prepare.input = {(folder / "text.jsonl").string()};
    prepare.tokenizer = (folder / "tok").string();
    prepare.out = (folder / "data").string();
    prepare.validation_fraction = made_of.validation_fraction;
    corpus::prepare(prepare, {});
    write_model({});
    config.model.config = (folder / "m.json").string();
    config.data.path = prepare.out;
    config.data.context_length = 16;
    config.optim.lr = 1e-3;
    config.optim.schedule.warmup_steps = 2;
    config.train.max_steps = 40;
    config.train.batch_tokens = 32;
    config.train.micro_batch_rows = 2;
    config.eval.every_steps = 0;
    config.eval.max_rows = 4;
    config.checkpoint.every_steps = 10;
    config.log.every_steps = 10;
    config.log.tensorboard = false;
    options.run_directory = folder / "run";
    options.show_progress = false;
  }
  ~PreparedRun() { core::configure_log({}); }
  PreparedRun(const PreparedRun&) = delete;
  PreparedRun& operator=(const PreparedRun&) = delete;

  // m.json, with `changes` laid over it.
  void write_model(const io::OrderedJson& changes) const {
    io::OrderedJson json{{"model_type", "llama"},      {"vocab_size", 300},
                         {"hidden_size", 16},          {"intermediate_size", 32},
                         {"num_hidden_layers", 1},     {"num_attention_heads", 2},
                         {"tie_word_embeddings", true}};
    for (const auto& [key, value] : changes.items()) json[key] = value;
    folder.file("m.json", json.dump());
  }

  // Each call stands for a process of its own.
  train::RunSummary train(const std::filesystem::path& resume_from = {}) {
    options.resume = resume_from.empty() ? train::ResumeMode::kAuto : train::ResumeMode::kFrom;
    options.resume_from = resume_from;
    return train::pretrain(config, options);
  }

  std::filesystem::path checkpoint(int step) const {
    return folder.path() / "run/checkpoints" / ("step-000000" + std::to_string(step));
  }
  std::string log() const { return read_bytes(folder / "run/log.txt"); }

  TempDirectory folder;
  train::RunConfig config;
  train::SessionOptions options;

 private:
  void write_text(int documents) const {
    std::ofstream lines(folder / "text.jsonl");
    for (int i = 0; i < documents; ++i) {
      const std::string text = "document " + std::to_string(i) + " says the quick brown fox again";
      lines << io::Json{{"text", text}}.dump() << "\n";
    }
  }

  void make_tokenizer() const {
    text::BpeTrainer trainer({.vocab_size = 300});
    for (int i = 0; i < 20; ++i) trainer.add_text("document says the quick brown fox again ");
    std::filesystem::create_directories(folder / "tok");
    trainer.train()->save(folder / "tok");
  }
};

}  // namespace llm::test
