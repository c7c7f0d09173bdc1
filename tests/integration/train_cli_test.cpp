// Oracle: the command-line contract of docs/design.md section 8 for llmtrain: exit codes, one JSON
// object on stdout, one clear message on stderr.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "llm/io/json.h"
#include "support/paths.h"
#include "support/train_folder.h"

namespace llm {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

using TrainCli = test::TrainFolder;

TEST_F(TrainCli, NumbersBeyondReasonAreUsageErrors) {
  for (const std::string line : {"plan --config run.json --set train.micro_batch_rows=4294967296 "
                                 "--set data.context_length=4294967296",
                                 "pretrain --config run.json --set train.micro_batch_rows=1000000 "
                                 "--set data.context_length=1000000",
                                 "bench --config run.json --steps 1 --warmup-steps -3",
                                 "bench --config run.json --steps 0"}) {
    const test::Outcome outcome = run("llmtrain " + line);
    EXPECT_EQ(outcome.exit_code, 2) << line << "\n" << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr("expected")) << line;
  }
  dir_.file("deep.json", R"({"model_type": "llama", "vocab_size": 300, "hidden_size": 16,
    "intermediate_size": 32, "num_hidden_layers": 40000000, "num_attention_heads": 2})");
  const test::Outcome deep = run("llmtrain plan --config run.json --set model.config=deep.json");
  EXPECT_EQ(deep.exit_code, 2);
  EXPECT_THAT(deep.err, HasSubstr("num_hidden_layers: 40000000 is too large"));
}

TEST_F(TrainCli, AModelDirectoryIsNotTakenForARun) {
  const test::Outcome made = run("mkdir mine && printf '{}' > mine/config.json");
  ASSERT_EQ(made.exit_code, 0);
  const test::Outcome refused = run("llmtrain pretrain --config run.json --run-dir mine");
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.err, HasSubstr("model.init_from"));
  EXPECT_EQ(test::read_bytes(dir_ / "mine/config.json"), "{}");
}

TEST_F(TrainCli, EveryCommandPrintsOneJsonObject) {
  const test::Outcome dry = run("llmtrain pretrain --config run.json --run-dir r --dry-run --json");
  ASSERT_EQ(dry.exit_code, 0) << dry.err;
  EXPECT_EQ(dry.json()["total_steps"], 30);
  EXPECT_FALSE(std::filesystem::exists(dir_ / "r"));
  EXPECT_EQ(run("llmtrain init-config pretrain --json").json()["train"]["max_steps"], 2000);
  EXPECT_TRUE(run("llmtrain schema --json").json().contains("properties"));
  EXPECT_GT(run("llmtrain plan --config run.json --json").json()["peak_memory_bytes"], 1 << 20);
  EXPECT_GT(run("llmtrain bench --config run.json --steps 1 --json").json()["tokens_per_second"],
            0);
  EXPECT_EQ(run("llmtrain pretrain --config run.json --run-dir r --json").json()["end"],
            "completed");
}

TEST_F(TrainCli, AFinishedRunSaysThatNothingIsLeft) {
  const std::string line = "llmtrain pretrain --config run.json --run-dir r";
  ASSERT_EQ(run(line).exit_code, 0);
  const test::Outcome again = run(line);
  EXPECT_EQ(again.exit_code, 0);
  EXPECT_THAT(again.err, HasSubstr("nothing left to do: the run is at step 30 of 30"));
  EXPECT_THAT(again.out, Not(HasSubstr("tokens/s")));
}

TEST_F(TrainCli, AnInterruptedRunSaysWhatIsSavedAndGoesOn) {
  const std::string line =
      "llmtrain pretrain --config run.json --run-dir r --set train.max_steps=2000000 --json";
  const test::Outcome stopped =
      run(line + " & until [ -s r/metrics.jsonl ]; do sleep 0.05; done; kill -TERM $!; wait $!");
  ASSERT_EQ(stopped.exit_code, 130) << stopped.err;
  const io::Json summary = stopped.json();
  EXPECT_EQ(summary["end"], "interrupted");
  EXPECT_THAT(stopped.err,
              AllOf(HasSubstr("interrupted after step " + summary["step"].dump()),
                    HasSubstr("saved r/checkpoints/step-"),
                    HasSubstr("the same command goes on from there"), Not(HasSubstr("error:"))));
  const io::Json more = run("llmtrain pretrain --config run.json --run-dir r --json "
                            "--set train.max_steps=" +
                            std::to_string(summary["step"].get<int>() + 2))
                            .json();
  EXPECT_EQ(more["first_step"], summary["step"]);
}

// Two processes, as a person would compare them.
TEST_F(TrainCli, ThePlannedPeakIsWithinTenPercentOfTheMeasuredOne) {
  const std::string options =
      " --config run.json --set model.config='" +
      (test::source_dir() / "configs/models/llama-5m.json").string() +
      "'"
      " --set data.path= --set data.context_length=256 --set train.micro_batch_rows=8"
      " --set train.batch_tokens=2048 --threads 2 --json";
  const io::Json plan = run("llmtrain plan" + options).json();
  const io::Json measured = run("llmtrain bench --steps 1 --warmup-steps 1" + options).json();
  const double peak = measured["peak_memory_mib"].get<double>() * (1 << 20);
  EXPECT_NEAR(plan["peak_memory_bytes"].get<double>() / peak, 1, 0.1);
}

TEST_F(TrainCli, AModelDirectoryMayBePlannedAndMeasuredWithoutData) {
  ASSERT_EQ(run("llmtrain pretrain --config run.json --run-dir r").exit_code, 0);
  const std::string set =
      " --config run.json --set model.config= --set model.init_from=r --set data.path=";
  EXPECT_EQ(run("llmtrain bench --steps 1" + set).exit_code, 0);
  EXPECT_EQ(run("llmtrain plan" + set).exit_code, 0);
  const test::Outcome epochs =
      run("llmtrain plan" + set + " --set train.max_steps=0 --set train.epochs=1");
  EXPECT_EQ(epochs.exit_code, 2);
  EXPECT_THAT(epochs.err, HasSubstr("data.path"));
}

}  // namespace
}  // namespace llm
