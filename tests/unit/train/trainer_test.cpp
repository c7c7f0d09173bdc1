// Oracle: the uninterrupted run, bit by bit; the same batch in other micro-batches.
#include "llm/train/trainer.h"

#include <gtest/gtest.h>

#include <fstream>

#include "llm/core/error.h"
#include "llm/io/fault_hook.h"
#include "llm/io/manifest.h"
#include "support/tiny_run.h"

namespace llm::train {
namespace {

using test::TinyRun;

struct FinalState {
  at::Tensor weights, exp_avg, exp_avg_sq;
};

FinalState final_state(const TinyRun& run) {
  return {run.tiny.store->flat_weights().clone(), run.tiny.store->flat_exp_avg().clone(),
          run.tiny.store->flat_exp_avg_sq().clone()};
}

void expect_equal_bits(const FinalState& a, const FinalState& b) {
  EXPECT_TRUE(at::equal(a.weights, b.weights));
  EXPECT_TRUE(at::equal(a.exp_avg, b.exp_avg));
  EXPECT_TRUE(at::equal(a.exp_avg_sq, b.exp_avg_sq));
}

// Values that must not depend on interruptions: everything but times and memory.
std::vector<std::pair<std::string, double>> lasting_values(const MetricsRecord& record) {
  std::vector<std::pair<std::string, double>> kept;
  for (const auto& [name, value] : record.values) {
    if (name != "tokens_per_second" && name != "seconds" && name != "mfu" &&
        name != "peak_memory_mib")
      kept.emplace_back(name, value);
  }
  return kept;
}

TEST(Trainer, ResumedRunEqualsTheUninterruptedOneBitByBit) {
  TinyRun whole;
  EXPECT_EQ(whole.train("whole"), RunEnd::kCompleted);
  const FinalState expected = final_state(whole);

  for (const int64_t stop_after : {1, 5, 7}) {
    TinyRun parts;
    EXPECT_EQ(
        parts.train("parts", {}, [&] { return parts.sink.records.back().step >= stop_after; }),
        RunEnd::kInterrupted);
    const auto checkpoint = CheckpointFolder(parts.folder.path() / "parts").newest();
    ASSERT_TRUE(checkpoint.has_value());
    EXPECT_EQ(checkpoint->step, stop_after);
    EXPECT_EQ(parts.train("parts", checkpoint->directory), RunEnd::kCompleted);
    expect_equal_bits(final_state(parts), expected);
    ASSERT_EQ(parts.sink.records.size(), whole.sink.records.size());
    for (size_t i = 0; i < whole.sink.records.size(); ++i) {
      EXPECT_EQ(parts.sink.records[i].step, whole.sink.records[i].step);
      EXPECT_EQ(lasting_values(parts.sink.records[i]), lasting_values(whole.sink.records[i]));
    }
  }
}

TEST(Trainer, LossFallsOnLearnableData) {
  TinyRun run;
  run.config.train.max_steps = 60;
  run.train("run");
  EXPECT_LT(run.sink.records[run.sink.records.size() - 2].value("loss"),
            0.6 * run.sink.records.front().value("loss"));
  EXPECT_LT(*run.last_state.best_eval, 4.0);
}

TEST(Trainer, AccumulationChangesNothingButTheOrderOfSums) {
  TinyRun one, four;
  one.config.train.micro_batch_rows = 8;
  four.config.train.micro_batch_rows = 2;
  one.train("one");
  four.train("four");
  for (size_t i = 0; i < one.sink.records.size(); ++i) {
    if (one.sink.records[i].is_evaluation) continue;
    EXPECT_NEAR(one.sink.records[i].value("loss"), four.sink.records[i].value("loss"), 2e-4);
  }
}

TEST(Trainer, NonFiniteWeightsStopTheRunWithDocumentsNamedAndACheckpointSaved) {
  TinyRun run;
  bool poisoned = false;
  const auto poison_after_three = [&] {
    if (run.sink.records.back().step == 3 && !poisoned) {
      run.tiny.store->flat_weights()[5] = NAN;
      poisoned = true;
    }
    return false;
  };
  try {
    run.train("run", {}, poison_after_three);
    FAIL() << "a NaN weight must stop the run";
  } catch (const core::NumericError& error) {
    EXPECT_NE(error.info().where.find("step 4"), std::string::npos) << error.what();
    EXPECT_NE(error.info().got.find("documents 0000"), std::string::npos) << error.what();
  }
  EXPECT_EQ(CheckpointFolder(run.folder.path() / "run").newest()->step, 3);
}

TEST(Trainer, StopsWhenValidationHasNotImprovedForPatienceEvaluations) {
  TinyRun run;
  run.config.optim.lr = 1e-12;  // nothing is learnt
  run.config.train.max_steps = 100;
  run.config.eval.every_steps = 1;
  run.config.eval.patience = 3;
  EXPECT_EQ(run.train("run"), RunEnd::kStoppedEarly);
  EXPECT_LT(run.last_state.step, 20);
}

TEST(Trainer, AnEarlyStopHoldsWhenTheRunIsStartedAgain) {
  TinyRun run;
  run.config.optim.lr = 1e-12;
  run.config.train.max_steps = 100;
  run.config.eval.every_steps = 1;
  run.config.eval.patience = 3;
  ASSERT_EQ(run.train("run"), RunEnd::kStoppedEarly);
  const int64_t stopped_at = run.last_state.step;
  const auto newest = CheckpointFolder(run.folder.path() / "run").newest();
  const size_t records = run.sink.records.size();
  EXPECT_EQ(run.train("run", newest->directory), RunEnd::kStoppedEarly);
  EXPECT_EQ(run.last_state.step, stopped_at);
  EXPECT_EQ(run.sink.records.size(), records);
}

TEST(Trainer, AFullDiskKeepsTheLastGoodCheckpoint) {
  TinyRun run;
  run.config.eval.every_steps = 0;
  struct HookGuard {
    ~HookGuard() { io::set_fault_hook({}); }
  } guard;
  const auto fail_second_checkpoint = [&] {
    if (run.sink.records.back().step == 6) {
      io::set_fault_hook([](const io::FileOperation& op) {
        const bool is_optimizer = op.path.string().find("optimizer") != std::string::npos;
        return is_optimizer && op.action == io::FileAction::kWrite ? ENOSPC : 0;
      });
    }
    return false;
  };
  EXPECT_THROW(run.train("run", {}, fail_second_checkpoint), core::IoError);
  const auto left = CheckpointFolder(run.folder.path() / "run").newest();
  ASSERT_TRUE(left.has_value());
  EXPECT_EQ(left->step, 5);
}

TEST(CheckpointFolder, PruneKeepsTheNewestAndTheBest) {
  TinyRun run;
  run.config.checkpoint.every_steps = 1;
  run.config.checkpoint.keep_best = false;
  run.train("run");
  CheckpointFolder folder(run.folder.path() / "run");
  ASSERT_EQ(folder.list().size(), 12u);
  folder.prune({.keep_last = 2, .best_step = 4});
  std::vector<int64_t> left;
  for (const auto& info : folder.list()) left.push_back(info.step);
  EXPECT_EQ(left, (std::vector<int64_t>{4, 11, 12}));
}

void save_small(CheckpointFolder& checkpoints, int64_t step) {
  checkpoints.begin(step);
  std::ofstream(checkpoints.partial_path(step) / "x") << "content";
  checkpoints.commit(step);
}

TEST(CheckpointFolder, PruneNeverTakesWhatWasJustSaved) {
  const test::TempDirectory folder;
  CheckpointFolder checkpoints(folder.path());
  for (const int64_t step : {30, 40, 50}) save_small(checkpoints, step);
  save_small(checkpoints, 35);
  checkpoints.prune({});
  std::vector<int64_t> left;
  for (const auto& info : checkpoints.list()) left.push_back(info.step);
  EXPECT_EQ(left, (std::vector<int64_t>{35, 50}));
}

TEST(CheckpointFolder, WhatIsSetAsideIsWholeAndNoLongerListed) {
  const test::TempDirectory folder;
  CheckpointFolder checkpoints(folder.path());
  for (int round = 1; round <= 2; ++round) {
    for (const int64_t step : {10, 20, 30}) save_small(checkpoints, step);
    const auto aside = checkpoints.set_aside_after(10);
    ASSERT_EQ(aside.size(), 2u);
    EXPECT_EQ(aside[1].directory.filename(), "step-00000030");
    EXPECT_EQ(aside[1].directory.parent_path().filename(), "abandoned-" + std::to_string(round));
    EXPECT_TRUE(io::has_valid_manifest(aside[1].directory, true));
    EXPECT_EQ(checkpoints.newest()->step, 10);
  }
  EXPECT_TRUE(checkpoints.set_aside_after(10).empty());
}

TEST(CheckpointFolder, ADirectoryWithoutAValidManifestDoesNotExist) {
  TinyRun run;
  run.train("run");
  CheckpointFolder folder(run.folder.path() / "run");
  const auto newest = folder.newest();
  std::filesystem::resize_file(newest->directory / "model.safetensors", 100);
  EXPECT_LT(folder.newest()->step, newest->step);
}

TEST(CheckpointFolder, AFlippedBitIsRefusedOnLoad) {
  TinyRun run;
  run.train("run");
  const auto newest = CheckpointFolder(run.folder.path() / "run").newest();
  EXPECT_EQ(convert::resolve_model_directory(newest->directory), newest->directory);
  {
    std::fstream file(newest->directory / "model.safetensors",
                      std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(-1, std::ios::end);
    const char last = static_cast<char>(file.get());
    file.seekp(-1, std::ios::end);
    file.put(static_cast<char>(last ^ 1));
  }
  EXPECT_THROW(convert::resolve_model_directory(newest->directory), core::FormatError);
}

TEST(Trainer, AFinishedRunIsNotWrittenAgain) {
  TinyRun run;
  run.train("run");
  const auto newest = CheckpointFolder(run.folder.path() / "run").newest();
  const auto written = std::filesystem::last_write_time(newest->directory / "model.safetensors");
  EXPECT_EQ(run.train("run", newest->directory), RunEnd::kCompleted);
  EXPECT_EQ(std::filesystem::last_write_time(newest->directory / "model.safetensors"), written);
}

}  // namespace
}  // namespace llm::train
