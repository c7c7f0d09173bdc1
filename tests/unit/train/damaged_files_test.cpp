// Oracle: the undisturbed run; and what a person must be able to read about what was damaged.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "llm/core/error.h"
#include "llm/io/hash.h"
#include "llm/io/manifest.h"
#include "support/error_text.h"
#include "support/prepared_run.h"

namespace llm::train {
namespace {

namespace fs = std::filesystem;
using test::PreparedRun;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

void flip_bit(const fs::path& path, int64_t at, int bit) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(at);
  const int byte = file.get();
  file.seekp(at);
  file.put(static_cast<char>(byte ^ (1 << bit)));
}

std::vector<int64_t> listed_steps(const PreparedRun& run) {
  std::vector<int64_t> steps;
  for (const auto& info : CheckpointFolder(run.options.run_directory).list())
    steps.push_back(info.step);
  return steps;
}

// Saves steps 10, 20 and 30.
class DamagedCheckpoint : public testing::Test {
 protected:
  DamagedCheckpoint() {
    run_.config.train.max_steps = 30;
    run_.config.checkpoint.keep_last = 3;
    run_.train();
    whole_ = test::read_bytes(run_.checkpoint(30) / "model.safetensors");
    for (const auto& entry : fs::recursive_directory_iterator(run_.checkpoint(30))) {
      if (entry.is_regular_file())
        files_.push_back(entry.path().lexically_relative(run_.checkpoint(30)).string());
    }
    std::sort(files_.begin(), files_.end());
  }

  void set_back() {
    fs::remove_all(run_.options.run_directory);
    fs::copy(run_.folder / "before", run_.options.run_directory, fs::copy_options::recursive);
  }

  // The run goes on from `step` and ends as it did.
  void expect_goes_on_from(int64_t step) {
    const RunSummary summary = run_.train();
    EXPECT_EQ(summary.first_step, step);
    EXPECT_EQ(test::read_bytes(run_.checkpoint(30) / "model.safetensors"), whole_);
    EXPECT_TRUE(io::has_valid_manifest(run_.checkpoint(30), true));
  }

  fs::path aside(int step) const {
    return run_.options.run_directory / "checkpoints/damaged-1" / run_.checkpoint(step).filename();
  }

  PreparedRun run_;
  std::string whole_;
  std::vector<std::string> files_;
};

TEST_F(DamagedCheckpoint, AFlippedBitInAnyFileIsFoundAndTheOneBeforeIsUsed) {
  fs::copy(run_.options.run_directory, run_.folder / "before", fs::copy_options::recursive);
  ASSERT_GE(files_.size(), 6u);
  int bit = 0;
  for (const std::string& file : files_) {
    SCOPED_TRACE(file);
    const auto size = static_cast<int64_t>(fs::file_size(run_.checkpoint(30) / file));
    flip_bit(run_.checkpoint(30) / file, (bit * 7919) % size, bit % 8);
    ++bit;
    const std::string damaged = test::read_bytes(run_.checkpoint(30) / file);
    expect_goes_on_from(20);
    // Moved, not deleted.
    EXPECT_EQ(test::read_bytes(aside(30) / file), damaged);
    EXPECT_THAT(run_.log(),
                AllOf(HasSubstr("step-00000030 is DAMAGED and not used: "), HasSubstr(file),
                      HasSubstr("goes on from step-00000020 instead: 10 step(s) are lost"),
                      HasSubstr("moved to " + aside(30).string())));
    set_back();
  }
}

TEST_F(DamagedCheckpoint, TheWarningHasBothHashes) {
  const auto expected = io::read_manifest(run_.checkpoint(30)).at("model.safetensors").xxh3;
  flip_bit(run_.checkpoint(30) / "model.safetensors", 700, 3);
  const auto found = io::xxh3_file(run_.checkpoint(30) / "model.safetensors");
  run_.train();
  EXPECT_THAT(run_.log(), HasSubstr("model.safetensors has hash " + io::hex64(found) +
                                    ", its manifest says " + io::hex64(expected)));
}

TEST_F(DamagedCheckpoint, SeveralArePassedOver) {
  flip_bit(run_.checkpoint(30) / "model.safetensors", 700, 0);
  fs::resize_file(run_.checkpoint(20) / "trainer/state.json", 5);
  expect_goes_on_from(10);
  EXPECT_THAT(run_.log(), HasSubstr("step-00000010 instead: 20 step(s) are lost"));
  EXPECT_TRUE(fs::exists(aside(30)));
  EXPECT_TRUE(fs::exists(aside(20)));
  EXPECT_THAT(listed_steps(run_), ElementsAre(10, 20, 30));
}

TEST_F(DamagedCheckpoint, ALookChangesNothing) {
  flip_bit(run_.checkpoint(30) / "model.safetensors", 700, 0);
  const RunCheck check = check_run(run_.config, run_.options);
  EXPECT_EQ(check.first_step, 20);
  EXPECT_EQ(check.resumes_from, run_.checkpoint(20));
  EXPECT_TRUE(fs::exists(run_.checkpoint(30)));
}

TEST_F(DamagedCheckpoint, OneThatWasAskedForIsRefused) {
  flip_bit(run_.checkpoint(20) / "model.safetensors", 700, 0);
  EXPECT_THAT(test::error_text<core::FormatError>([&] { run_.train(run_.checkpoint(20)); }),
              AllOf(HasSubstr("step-00000020"), HasSubstr("model.safetensors has hash")));
  EXPECT_THAT(listed_steps(run_), ElementsAre(10, 20, 30));
  // An older one that nobody asks for does not stand in the way.
  EXPECT_EQ(run_.train().first_step, 30);
}

TEST_F(DamagedCheckpoint, AResumeFromAnOlderOneTellsDamagedFromAbandoned) {
  flip_bit(run_.checkpoint(30) / "model.safetensors", 700, 0);
  run_.config.train.max_steps = 12;
  run_.train(run_.checkpoint(10));
  EXPECT_TRUE(fs::exists(aside(30)));
  EXPECT_TRUE(io::has_valid_manifest(
      run_.options.run_directory / "checkpoints/abandoned-1/step-00000020", true));
  EXPECT_THAT(run_.log(), HasSubstr("damaged step 30 lies after step 10"));
}

TEST_F(DamagedCheckpoint, WhatStandsInTheWayOfASaveIsMovedAside) {
  fs::create_directories(run_.options.run_directory / "checkpoints/step-00000035");
  std::ofstream(run_.options.run_directory / "checkpoints/step-00000035/precious") << "data";
  CheckpointFolder folder(run_.options.run_directory);
  folder.begin(35);
  std::ofstream(folder.partial_path(35) / "x") << "content";
  folder.commit(35);
  EXPECT_EQ(
      test::read_bytes(run_.options.run_directory / "checkpoints/damaged-1/step-00000035/precious"),
      "data");
  EXPECT_THAT(listed_steps(run_), ElementsAre(10, 20, 30, 35));
}

// Between the start of a run and its resumption.
class ChangedData : public testing::Test {
 protected:
  ChangedData() {
    run_.config.train.max_steps = 10;
    run_.train();
    run_.config.train.max_steps = 20;
    shard_ = run_.folder / "data/train-00000.tokens";
  }
  template <class E>
  std::string refusal() {
    return test::error_text<E>([&] { run_.train(); });
  }

  PreparedRun run_;
  fs::path shard_;
};

TEST_F(ChangedData, AFlippedBitInAShardIsRefusedByName) {
  const auto size = static_cast<int64_t>(fs::file_size(shard_));
  for (const int64_t at : {int64_t{20}, int64_t{140}, size / 2, size - 3}) {
    flip_bit(shard_, at, 2);
    EXPECT_THAT(refusal<core::Error>(), HasSubstr(shard_.string())) << at;
    flip_bit(shard_, at, 2);
  }
  EXPECT_EQ(run_.train().first_step, 10);
}

TEST_F(ChangedData, ATruncatedShardIsRefusedByName) {
  const auto size = fs::file_size(shard_);
  for (const auto left : {size - 1, size / 2, uintmax_t{64}, uintmax_t{0}}) {
    fs::resize_file(shard_, left);
    EXPECT_THAT(refusal<core::FormatError>(), HasSubstr(shard_.string())) << left;
  }
}

TEST_F(ChangedData, AMissingShardIsRefusedByName) {
  fs::rename(shard_, run_.folder / "elsewhere");
  EXPECT_THAT(refusal<core::Error>(), HasSubstr(shard_.string()));
  EXPECT_THAT(listed_steps(run_), ElementsAre(10));
  fs::rename(run_.folder / "elsewhere", shard_);
  EXPECT_EQ(run_.train().first_step, 10);
}

TEST_F(ChangedData, AWholeShardOfOtherTextIsRefused) {
  corpus::PrepareConfig prepare;
  prepare.input = {run_.folder
                       .file("other.jsonl", R"({"text": "the quick brown fox again"})"
                                            "\n")
                       .string()};
  prepare.tokenizer = (run_.folder / "tok").string();
  prepare.out = (run_.folder / "other").string();
  corpus::prepare(prepare, {});
  fs::copy_file(run_.folder / "other/train-00000.tokens", shard_,
                fs::copy_options::overwrite_existing);
  EXPECT_THAT(refusal<core::Error>(), HasSubstr(shard_.string()));
}

}  // namespace
}  // namespace llm::train
