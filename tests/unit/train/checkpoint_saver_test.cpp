// Oracle: the files of a checkpoint that one rank wrote while training waited.
#include "train/checkpoint_saver.h"

#include <gtest/gtest.h>

#include <atomic>

#include "llm/core/error.h"
#include "llm/io/fault_hook.h"
#include "llm/io/file.h"
#include "llm/io/json.h"
#include "support/ranks.h"
#include "support/tiny_run.h"

namespace llm::train {
namespace {

namespace fs = std::filesystem;

using FileContents = std::map<std::string, std::string>;

// By name; without times, and without what is told about ranks.
FileContents contents(const fs::path& checkpoint) {
  FileContents files;
  for (const auto& entry : fs::recursive_directory_iterator(checkpoint)) {
    if (entry.is_directory() || entry.path().filename() == "manifest.json") continue;
    std::string text = io::read_file(entry.path());
    if (entry.path().filename() == "state.json") {
      auto json = io::OrderedJson::parse(text);
      for (const char* key : {"seconds", "execution", "config"}) json.erase(key);
      text = json.dump();
    }
    files[fs::relative(entry.path(), checkpoint)] = std::move(text);
  }
  return files;
}

std::map<int64_t, FileContents> all_contents(const test::TinyRun& run) {
  std::map<int64_t, FileContents> all;
  for (const auto& checkpoint : CheckpointFolder(run.run_directory("run")).list())
    all[checkpoint.step] = contents(checkpoint.directory);
  return all;
}

struct SaverRun : test::TinyRun {
  SaverRun() {
    config.checkpoint.every_steps = 3;
    config.eval.every_steps = 0;
  }
};

TEST(CheckpointSaver, SavesTheSameWhileTrainingGoesOn) {
  SaverRun waiting, going_on;
  going_on.config.checkpoint.async = true;
  waiting.train("run");
  going_on.train("run");
  EXPECT_EQ(all_contents(going_on), all_contents(waiting));
  EXPECT_EQ(all_contents(waiting).size(), 4u);
}

TEST(CheckpointSaver, RanksWriteTheFilesOfOneRank) {
  for (const int64_t zero : {0, 1}) {
    const test::TempDirectory shared;
    std::map<int64_t, FileContents> written;
    fs::path first;
    test::train_on_ranks(3, [&](const std::shared_ptr<dist::ProcessGroup>& group) {
      SaverRun run;
      run.config.train.max_steps = 1;
      run.reduction = {.bucket_bytes = 4096, .zero = zero};
      run.group = group;
      run.shared_folder = shared.path();
      run.train("run");
      if (group->rank() == 0) written = all_contents(run);
    });
    // The weights of three ranks, saved by one.
    ASSERT_EQ(written.size(), 1u);
    SaverRun alone;
    alone.config.train.max_steps = 1;
    fs::create_directories(alone.run_directory("other"));
    alone.train("other", shared.path() / "run" / "checkpoints" / io::checkpoint_name(1));
    EXPECT_EQ(contents(CheckpointFolder(alone.run_directory("other")).newest()->directory),
              written.begin()->second);
  }
}

TEST(CheckpointSaver, FilesAreCutAtTheLimitAndReadTogether) {
  SaverRun whole, cut;
  cut.max_file_bytes = 5000;
  whole.train("run");
  const auto stop_at_six = [&] { return cut.sink.records.back().step == 6; };
  ASSERT_EQ(cut.train("run", {}, stop_at_six), RunEnd::kInterrupted);
  const auto newest = CheckpointFolder(cut.run_directory("run")).newest()->directory;
  EXPECT_TRUE(fs::exists(newest / "model.safetensors.index.json"));
  int64_t optimizer_files = 0;
  for (const auto& entry : fs::directory_iterator(newest / "trainer")) {
    if (!entry.path().filename().string().starts_with("optimizer-")) continue;
    ++optimizer_files;
    EXPECT_LE(io::SafetensorsFile(entry.path()).entries().back().end, 5000u);
  }
  EXPECT_GT(optimizer_files, 3);
  cut.train("run", newest);
  EXPECT_TRUE(at::equal(cut.tiny.store->flat_weights(), whole.tiny.store->flat_weights()));
  EXPECT_TRUE(at::equal(cut.tiny.store->flat_exp_avg_sq(), whole.tiny.store->flat_exp_avg_sq()));
}

TEST(CheckpointSaver, AMissingOptimizerFileIsNamed) {
  SaverRun cut;
  cut.max_file_bytes = 5000;
  cut.train("run");
  const auto newest = CheckpointFolder(cut.run_directory("run")).newest()->directory;
  const auto files = fs::directory_iterator(newest / "trainer");
  for (const auto& entry : files) {
    if (entry.path().filename().string().starts_with("optimizer-00002")) fs::remove(entry.path());
  }
  EXPECT_THROW(load_optimizer(newest, *cut.tiny.store), core::FormatError);
}

// Trains on two ranks with a group for saving; returns each rank's error.
test::Errors train_with_save_group(const fs::path& shared,
                                   const std::function<void(SaverRun&)>& body) {
  const test::TempDirectory notes;
  const std::string job = test::fresh_job();
  return test::on_threads(2, [&](int rank) {
    const auto rendezvous =
        dist::meet(test::local_rank(rank, 2, job), {.note_directory = notes.path()});
    SaverRun run;
    run.group = dist::make_process_group(rendezvous, {});
    run.save_group = dist::make_process_group(rendezvous, {.name = "checkpoints"});
    run.shared_folder = shared;
    run.config.checkpoint.async = true;
    body(run);
  });
}

TEST(CheckpointSaver, RanksSaveTheSameWhileTrainingGoesOn) {
  const test::TempDirectory shared, other;
  std::map<int64_t, FileContents> beside, waiting;
  const auto errors = train_with_save_group(shared.path(), [&](SaverRun& run) {
    run.train("run");
    if (run.group->rank() == 0) beside = all_contents(run);
  });
  EXPECT_EQ(errors, test::no_errors(2));
  test::train_on_ranks(2, [&](const std::shared_ptr<dist::ProcessGroup>& group) {
    SaverRun run;
    run.group = group;
    run.shared_folder = other.path();
    run.train("run");
    if (group->rank() == 0) waiting = all_contents(run);
  });
  EXPECT_EQ(beside.size(), 4u);
  EXPECT_EQ(beside, waiting);
}

struct FaultGuard {
  ~FaultGuard() { io::set_fault_hook({}); }
};

// The disk is full from the save of step 6 on, which happens beside step 7 or 8.
TEST(CheckpointSaver, AFailureBesideTrainingEndsTheRunAtOneOfTheNextSteps) {
  const FaultGuard guard;
  SaverRun run;
  run.config.train.max_steps = 1000;
  run.config.checkpoint.async = true;
  io::set_fault_hook([](const io::FileOperation& operation) {
    const bool fails = operation.path.string().find("step-00000006") != std::string::npos &&
                       operation.path.string().find("optimizer") != std::string::npos;
    return fails ? ENOSPC : 0;
  });
  EXPECT_THROW(run.train("run"), core::IoError);
  EXPECT_LE(run.sink.records.back().step, 9);
  EXPECT_EQ(CheckpointFolder(run.run_directory("run")).newest()->step, 3);
}

TEST(CheckpointSaver, AFailureOfOneRankBesideTrainingEndsAll) {
  const FaultGuard guard;
  const test::TempDirectory shared;
  std::atomic<int> fsyncs{0};
  io::set_fault_hook([&](const io::FileOperation& operation) {
    const bool is_optimizer = operation.path.string().find("optimizer") != std::string::npos;
    const bool is_sync = operation.action == io::FileAction::kSync;
    return is_optimizer && is_sync && ++fsyncs == 2 ? EIO : 0;  // of one rank of the two
  });
  const auto errors = train_with_save_group(shared.path(), [&](SaverRun& run) {
    run.config.train.max_steps = 1000;
    run.train("run");
  });
  int told = 0;
  for (const std::string& error : errors) {
    EXPECT_NE(error.find("optimizer-00001-of-00001.safetensors"), std::string::npos) << error;
    told += error.find("flushed to disk") != std::string::npos ? 1 : 0;
  }
  EXPECT_EQ(told, 2);
  EXPECT_FALSE(CheckpointFolder(shared.path() / "run").newest().has_value());
}

}  // namespace
}  // namespace llm::train
