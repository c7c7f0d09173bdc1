// Oracle: the command-line contract of docs/design.md section 8 for llmtrain status, and what was
// done to the run.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "support/train_folder.h"

namespace llm {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class StatusCli : public test::TrainFolder {
 protected:
  // Starts a run that does not end by itself, and lets `line` look at it once it trains; $! is its
  // process.
  test::Outcome while_running(const std::string& line) const {
    return run(
        "llmtrain pretrain --config run.json --run-dir r --quiet --set train.max_steps=2000000 "
        "--set log.heartbeat_seconds=0.1 --set checkpoint.every_steps=20 >/dev/null 2>&1 & "
        "until [ -d r/checkpoints/step-00000020 ]; do sleep 0.05; done; " +
        line);
  }
};

TEST_F(StatusCli, AFolderWithoutARunIsExitCodeThree) {
  for (const char* folder : {"tok", "nowhere"}) {
    const test::Outcome outcome = run(std::string("llmtrain status ") + folder);
    EXPECT_EQ(outcome.exit_code, 3);
    EXPECT_THAT(outcome.err, HasSubstr("--run-dir"));
  }
  EXPECT_EQ(run("llmtrain status").exit_code, 2);
}

TEST_F(StatusCli, ARunningRunIsSeenAndRefusesASecond) {
  const test::Outcome seen = while_running(
      "llmtrain status r --json; code=$?; llmtrain status r >&2; "
      "llmtrain pretrain --config run.json --run-dir r && code=99; "
      "kill -TERM $!; wait $!; exit $code");
  EXPECT_EQ(seen.exit_code, 0);
  EXPECT_TRUE(seen.json()["running"]);
  EXPECT_EQ(seen.json()["heartbeat"]["total_steps"], 2000000);
  EXPECT_GE(seen.json()["checkpoint"]["step"], 20);
  EXPECT_EQ(seen.json()["command"], "");
  EXPECT_THAT(seen.err, AllOf(HasSubstr("of 2000000 ("), HasSubstr("time left"),
                              HasSubstr("tokens/s"), HasSubstr("that no other process uses")));
  const io::Json after = run("llmtrain status r --json").json();
  EXPECT_FALSE(after["running"]);
  EXPECT_EQ(after["state"], "interrupted");
}

TEST_F(StatusCli, AKilledRunIsDeadAndItsCommandGoesOn) {
  const test::Outcome seen =
      while_running("kill -KILL $!; wait $!; llmtrain status r --json; llmtrain status r >&2");
  const io::Json dead = seen.json();
  EXPECT_EQ(dead["state"], "dead");
  EXPECT_THAT(seen.err, AllOf(HasSubstr("its process is gone"), HasSubstr("goes on after step")));
  const int64_t saved = dead["checkpoint"]["step"];
  const std::string command = dead["command"];
  EXPECT_THAT(command, HasSubstr("llmtrain pretrain --config run.json --run-dir r"));
  const test::Outcome more =
      run(command + " --set train.max_steps=" + std::to_string(saved + 2) + " --json");
  EXPECT_EQ(more.exit_code, 0) << more.err;
  EXPECT_EQ(more.json()["first_step"], saved);
  EXPECT_EQ(run("llmtrain status r --json").json()["state"], "finished");
  EXPECT_THAT(run("llmtrain status r").out, HasSubstr("llmchat --model r"));
}

TEST_F(StatusCli, AFailedRunShowsItsError) {
  ASSERT_EQ(run("llmtrain pretrain --config run.json --run-dir r --quiet").exit_code, 0);
  EXPECT_EQ(run("llmtrain pretrain --config run.json --run-dir r --set train.seed=3").exit_code, 2);
  const test::Outcome status = run("llmtrain status r");
  EXPECT_EQ(status.exit_code, 0);
  EXPECT_THAT(status.out, AllOf(HasSubstr("failed"), HasSubstr("train.seed")));
}

TEST_F(StatusCli, AWebhooksPathIsNeitherWrittenNorShown) {
  const test::Outcome outcome =
      run("llmtrain pretrain --config run.json --run-dir r --verbose "
          "--set log.webhook=http://127.0.0.1:1/my-secret");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("http://127.0.0.1:1 was not told"),
                                 HasSubstr("resolved config"), Not(HasSubstr("my-secret"))));
  EXPECT_EQ(run("grep -r my-secret r").exit_code, 1);
}

}  // namespace
}  // namespace llm
