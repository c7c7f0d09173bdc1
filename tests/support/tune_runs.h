// Tiny tuning runs in a temporary folder: dialogues and pairs, a tiny model, sessions of their own.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "llm/io/file.h"
#include "llm/train/tune_session.h"
#include "support/paths.h"
#include "support/temp_directory.h"

namespace llm::train {

class TuneRuns : public testing::Test {
 protected:
  TuneRuns() {
    write_rows(folder_.path() / "train.jsonl", 0, 40, dialogue);
    write_rows(folder_.path() / "held_out.jsonl", 40, 48, dialogue);
    write_rows(folder_.path() / "pairs.jsonl", 0, 40, pair);
    write_rows(folder_.path() / "held_out_pairs.jsonl", 40, 48, pair);
    options_.run_directory = folder_.path() / "run";
    options_.show_progress = false;
  }

  corpus::ExampleSource source(const std::string& file) const {
    corpus::ExampleSource out;
    out.paths = {(folder_.path() / file).string()};
    return out;
  }

  template <class Config>
  Config config(int64_t lora_rank = 4) const {
    constexpr bool kIsSft = std::is_same_v<Config, SftConfig>;
    Config out;
    out.model.path = tuned_base().string();
    out.data.train = {source(kIsSft ? "train.jsonl" : "pairs.jsonl")};
    out.data.validation = {source(kIsSft ? "held_out.jsonl" : "held_out_pairs.jsonl")};
    out.data.encode.max_length = 128;
    out.lora.r = lora_rank;
    out.optim.lr = 5e-3;
    out.optim.schedule.warmup_steps = 2;
    out.train.max_steps = 12;
    out.train.batch_rows = 2;
    out.train.micro_batch_rows = 1;
    out.eval.every_steps = 6;
    out.checkpoint.every_steps = 6;
    out.log.every_steps = 1;
    out.log.tensorboard = false;
    return out;
  }

  // As a process of its own, stopped after `stop_after` steps (0: never).
  template <class Config>
  RunSummary train(const Config& settings, const std::string& run, int64_t stop_after = 0,
                   const TuneHooks& hooks = {}) {
    SessionOptions options = options_;
    options.run_directory = folder_.path() / run;
    int64_t steps = 0;
    if (stop_after > 0) options.should_stop = [&] { return ++steps >= stop_after; };
    return tune(settings, options, hooks);
  }

  std::vector<io::OrderedJson> metrics(const std::string& run) const {
    std::vector<io::OrderedJson> records;
    std::ifstream lines(folder_.path() / run / "metrics.jsonl");
    for (std::string line; std::getline(lines, line);) {
      auto record = io::OrderedJson::parse(line);
      for (const char* time : {"tokens_per_second", "mfu", "peak_memory_mib", "seconds"})
        record.erase(time);
      if (!record.contains("interim")) records.push_back(std::move(record));
    }
    return records;
  }

  std::string eval_samples(const std::string& run) const {
    return io::read_file(folder_.path() / run / "eval_samples.jsonl");
  }

  static std::filesystem::path tuned_base() {
    return test::source_dir() / "tests/golden/trl/untied";
  }

  static std::string dialogue(int i) {
    return R"({"messages": [{"role": "user", "content": "What is )" + std::to_string(i) +
           R"( and one?"}, {"role": "assistant", "content": "It is )" + std::to_string(i + 1) +
           R"(."}]})";
  }

  static std::string pair(int i) {
    return R"({"prompt": "What is )" + std::to_string(i) + R"( and one?", "chosen": "It is )" +
           std::to_string(i + 1) + R"(.", "rejected": "No idea, really."})";
  }

  template <class MakeRow>
  static void write_rows(const std::filesystem::path& path, int begin, int end,
                         const MakeRow& make_row) {
    std::ofstream file(path);
    for (int i = begin; i < end; ++i) file << make_row(i) << "\n";
  }

  test::TempDirectory folder_;
  SessionOptions options_;
};

}  // namespace llm::train
