// Oracle: what a person gets to see: exit codes, the files of a run, JSON, and the messages of
// refusals.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "llm/io/file.h"
#include "support/paths.h"
#include "support/shell.h"
#include "support/temp_directory.h"

namespace llm {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class CliTune : public testing::Test {
 protected:
  void SetUp() override {
    std::string dialogues, pairs;
    for (int i = 0; i < 24; ++i) {
      const std::string question = "What is " + std::to_string(i) + " and one?";
      const std::string answer = "It is " + std::to_string(i + 1) + ".";
      dialogues += R"({"prompt": ")" + question + R"(", "completion": ")" + answer + "\"}\n";
      pairs += R"({"prompt": ")" + question + R"(", "chosen": ")" + answer +
               R"(", "rejected": "No idea."})" + "\n";
    }
    dir_.file("dialogues.jsonl", dialogues);
    dir_.file("pairs.jsonl", pairs);
    dir_.file("sft.json", config("dialogues.jsonl"));
    dir_.file("orpo.json", config("pairs.jsonl"));
  }

  static std::string config(const std::string& rows) {
    return R"({"model": {"path": ")" + (test::source_dir() / "tests/golden/trl/untied").string() +
           R"("}, "data": {"train": [{"paths": [")" + rows +
           R"("]}], "validation": [{"paths": [")" + rows +
           R"("], "max_rows": 6}]}, "lora": {"r": 2}, "optim": {"lr": 1e-3},
           "train": {"max_steps": 3, "batch_rows": 2}, "log": {"every_steps": 1}})";
  }

  test::Outcome run(const std::string& line) const { return test::run_shell(dir_.path(), line); }

  test::TempDirectory dir_;
};

TEST_F(CliTune, ARunWritesAnAdapterThatChats) {
  const auto done = run("llmtrain sft --config sft.json --json");
  ASSERT_EQ(done.exit_code, 0) << done.err;
  const auto summary = done.json();
  EXPECT_EQ(summary["end"], "completed");
  EXPECT_EQ(summary["best_metric"], "loss");
  EXPECT_EQ(summary["run_directory"], "runs/sft");
  const auto reply =
      run("llmchat --model runs/sft -p 'What is 3 and one?' --temp 0 --max-tokens 8");
  EXPECT_EQ(reply.exit_code, 0) << reply.err;
  EXPECT_EQ(run("llmtrain sft --config sft.json").exit_code, 0);
  const auto merged = run("llmconvert merge --model runs/sft --out merged");
  EXPECT_EQ(merged.exit_code, 0) << merged.err;
  EXPECT_EQ(run("llmchat --model merged -p 'What is 3 and one?' --temp 0 --max-tokens 8").out,
            reply.out);
}

TEST_F(CliTune, EveryCommandTrainsAndDryRunsTrainNothing) {
  const auto dry = run("llmtrain orpo --config orpo.json --dry-run --json");
  ASSERT_EQ(dry.exit_code, 0) << dry.err;
  EXPECT_EQ(dry.json()["train"]["pairs"]["kept"], 24);
  EXPECT_FALSE(std::filesystem::exists(dir_.path() / "runs/orpo/metrics.jsonl"));
  for (const char* command : {"orpo", "dpo", "simpo"}) {
    const auto done = run(std::string("llmtrain ") + command +
                          " --config orpo.json --json --run-dir runs/" + command);
    ASSERT_EQ(done.exit_code, 0) << done.err;
    EXPECT_EQ(done.json()["step"], 3);
    const std::string metrics = io::read_file(dir_.path() / "runs" / command / "metrics.jsonl");
    EXPECT_THAT(metrics,
                AllOf(HasSubstr("\"eval_rewards/accuracies\":"), HasSubstr("\"logps/margins\":")));
  }
}

TEST_F(CliTune, ASweepRunsEveryPointAndGoesOn) {
  dir_.file("grid.json", R"({"beta": [0.1, 0.5], "optim.lr": [1e-4, 1e-3]})");
  const std::string line = "llmtrain orpo --config orpo.json --sweep grid.json --json";
  const auto done = run(line);
  ASSERT_EQ(done.exit_code, 0) << done.err;
  const auto points = done.json();
  ASSERT_EQ(points.size(), 4u);
  EXPECT_GE(points[0]["best"].get<double>(), points[3]["best"].get<double>());
  for (const auto& point : points) {
    const std::string directory = point["run_directory"];
    EXPECT_TRUE(std::filesystem::exists(dir_.path() / directory / "metrics.jsonl")) << directory;
  }
  const auto again = run(line);
  EXPECT_EQ(again.exit_code, 0) << again.err;
  EXPECT_EQ(again.json(), points);
  EXPECT_EQ(run("llmtrain orpo --config orpo.json --sweep orpo.json").exit_code, 2);
}

TEST_F(CliTune, RefusalsTeach) {
  const auto swapped = run("llmtrain orpo --config sft.json");
  EXPECT_EQ(swapped.exit_code, 3);
  EXPECT_THAT(swapped.err, HasSubstr("sft"));
  const auto unknown = run("llmtrain sft --config sft.json --set lora.rank=4");
  EXPECT_EQ(unknown.exit_code, 2);
  EXPECT_THAT(unknown.err, HasSubstr("lora.rank"));
  const auto target = run("llmtrain sft --config sft.json --set 'lora.targets=[\"qproj\"]'");
  EXPECT_EQ(target.exit_code, 2);
  EXPECT_THAT(target.err, HasSubstr("qproj"));
}

TEST_F(CliTune, FirstConfigsAreValid) {
  for (const char* command : {"sft", "orpo", "dpo", "simpo"}) {
    const auto config = run(std::string("llmtrain init-config ") + command);
    dir_.file("first.json", config.out);
    const auto checked = run(std::string("llmtrain ") + command + " --config first.json --dry-run");
    EXPECT_THAT(checked.err, HasSubstr("models/base")) << command;  // nothing else is wrong
    EXPECT_TRUE(
        run(std::string("llmtrain schema --json ") + command).json().contains("properties"));
  }
}

}  // namespace
}  // namespace llm
