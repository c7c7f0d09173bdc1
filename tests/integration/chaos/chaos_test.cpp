// Oracle: the undisturbed run, byte for byte; the exit codes of docs/design.md section 8.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/format.h>

#include <fstream>
#include <optional>

#include "support/paths.h"
#include "support/train_folder.h"

namespace llm {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

class ChaosCli : public test::TrainFolder {
 protected:
  static constexpr const char* kPretrain =
      "llmtrain pretrain --config run.json --json --threads 1 ";

  std::string weights(const std::string& run) const {
    const std::string text =
        test::read_bytes(dir_ / (run + "/checkpoints/step-00000030/model.safetensors"));
    EXPECT_FALSE(text.empty()) << run;
    return text;
  }

  // Runs it with a file system of that size at ./small, which is gone afterwards; what lay in it is
  // in ./left then. Nothing where this user may not mount.
  std::optional<test::Outcome> on_small_disk(const std::string& size, const std::string& line) {
    fs::create_directory(dir_ / "small");
    const std::string mount = "unshare -m sh -c 'mount -t tmpfs -o size=" + size + " none small";
    if (run(mount + "'").exit_code != 0) return std::nullopt;
    fs::remove_all(dir_ / "left");
    return run(mount + " && " + line + "; code=$?; cp -r small left; exit $code'");
  }
};

constexpr const char* kNoMount = "skipped: this user may not mount a file system of its own";

TEST_F(ChaosCli, TenKillsLoseNothing) {
  const test::Outcome outcome =
      run(fmt::format("'{}/scripts/chaos.sh' --kills 10 --seed 1 --steps 60 --bin '{}' --json",
                      test::source_dir().string(), test::program_dir().string()));
  EXPECT_EQ(outcome.exit_code, 0) << outcome.out << outcome.err;
  EXPECT_EQ(outcome.json()["kills"], 10);
  EXPECT_EQ(outcome.json()["unequal"], 0);
}

TEST_F(ChaosCli, AFullDiskEndsARunWithItsCheckpointsWhole) {
  const std::string line = kPretrain + std::string("--set checkpoint.every_steps=5 ") +
                           "--set checkpoint.keep_last=100 --run-dir ";
  ASSERT_EQ(run(line + "whole").exit_code, 0);
  const auto full = on_small_disk("800k", line + "small/run");
  if (!full) GTEST_SKIP() << kNoMount;
  EXPECT_EQ(full->exit_code, 3) << full->err;
  EXPECT_THAT(full->err, HasSubstr("No space left on device. Free some space there"));
  EXPECT_THAT(full->err, HasSubstr("small/run/checkpoints/step-000000"));
  const test::Outcome verified = run("llmtrain checkpoint verify left/run --json");
  EXPECT_EQ(verified.exit_code, 0) << verified.out;
  EXPECT_FALSE(verified.json()["checkpoints"].empty());
  for (const auto& entry : fs::directory_iterator(dir_ / "left/run/checkpoints"))
    EXPECT_THAT(entry.path().string(), Not(HasSubstr(".partial")));
  const test::Outcome more = run(line + "left/run");
  EXPECT_EQ(more.exit_code, 0) << more.err;
  EXPECT_GT(more.json()["first_step"], 0);
  EXPECT_EQ(weights("left/run"), weights("whole"));
}

TEST_F(ChaosCli, AFullDiskLeavesNothingOfPreparedDataOrAConvertedModel) {
  ASSERT_EQ(run(kPretrain + std::string("--run-dir whole")).exit_code, 0);
  for (const std::string line :
       {"llmdata prepare --input corpus.jsonl --tokenizer tok --out small/new/data --quiet",
        "llmconvert import --from whole --out small/new/model",
        "llmconvert export --model whole --to gguf --dtype f32 --out small/new/model.gguf"}) {
    const auto full = on_small_disk("12k", line);
    if (!full) GTEST_SKIP() << kNoMount;
    EXPECT_EQ(full->exit_code, 3) << full->out << full->err;
    EXPECT_THAT(full->err, HasSubstr("No space left on device. Free some space there"));
    EXPECT_TRUE(fs::is_empty(dir_ / "left")) << line;
  }
}

// Every reading of the wall clock is a day off, in turn late and early.
TEST_F(ChaosCli, AWallClockThatJumpsChangesNeitherResultsNorTimes) {
  const fs::path jumps = test::program_dir() / "libllm_clock_jump.so";
  ASSERT_TRUE(fs::exists(jumps)) << jumps;
  const std::string settings =
      "--set log.every_steps=1 --set checkpoint.every_steps=10 --set log.tensorboard=true ";
  for (const std::string ranks : {"", "--ranks 2 --set dist.zero=1 "}) {
    fs::remove_all(dir_ / "right");
    fs::remove_all(dir_ / "jumping");
    ASSERT_EQ(run(kPretrain + settings + ranks + "--run-dir right").exit_code, 0);
    const test::Outcome outcome = run("env LD_PRELOAD='" + jumps.string() + "' " + kPretrain +
                                      settings + ranks + "--run-dir jumping");
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_EQ(weights("jumping"), weights("right"));
    std::ifstream lines(dir_ / "jumping/metrics.jsonl");
    double seconds = 0;
    int steps = 0;
    for (std::string line; std::getline(lines, line);) {
      const io::Json json = io::parse_json(line, "metrics");
      if (!json.contains("seconds")) continue;
      ++steps;
      EXPECT_GE(json["seconds"].get<double>(), seconds);
      EXPECT_GT(json["tokens_per_second"].get<double>(), 0);
      seconds = json["seconds"].get<double>();
    }
    EXPECT_EQ(steps, 30);
    EXPECT_LT(seconds, 3600);
    // "ETA 3 s", never hours or days.
    EXPECT_THAT(outcome.err, HasSubstr("ETA "));
    EXPECT_THAT(outcome.err, testing::Not(testing::ContainsRegex("ETA [^\n]*(h|d)")));
  }
}

}  // namespace
}  // namespace llm
