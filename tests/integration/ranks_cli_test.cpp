// Oracle: the run of one process, and the command-line contract: one JSON object, one error
// message, exit codes, nobody left behind.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/paths.h"
#include "support/train_folder.h"

namespace llm {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class RanksCli : public test::TrainFolder {
 protected:
  static constexpr const char* kPretrain =
      "llmtrain pretrain --config run.json --json --threads 1 ";

  static constexpr const char* kMpirun =
      "env OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 mpirun.openmpi "
      "--oversubscribe --bind-to none -n 2 ";

  // The numbers of a run of several ranks are those of one, but for the order of sums.
  void expect_same_end(const test::Outcome& one, const test::Outcome& many) {
    ASSERT_EQ(one.exit_code, 0) << one.err;
    ASSERT_EQ(many.exit_code, 0) << many.err;
    const io::Json expected = one.json(), found = many.json();
    for (const char* key : {"end", "step", "tokens"}) EXPECT_EQ(found[key], expected[key]);
    for (const char* key : {"loss", "eval_loss"}) {
      EXPECT_NEAR(found[key].get<double>(), expected[key].get<double>(), 1e-4) << key;
    }
  }

  // No process works in this test's folder any more.
  void expect_nobody_left() const {
    const std::string left = run("for p in /proc/[0-9]*; do [ \"$(readlink $p/cwd)\" = \"$PWD\" ] "
                                 "&& grep -sx llmtrain $p/comm; "
                                 "done")
                                 .out;
    EXPECT_EQ(left, "");
  }

  bool has_program(const std::string& name) const {
    return run("command -v " + name).exit_code == 0;
  }
};

size_t count_of(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST_F(RanksCli, SeveralRanksAreTheRunOfOneProcessAndAnyNumberGoesOn) {
  // Five micro-batches, which two ranks cannot share evenly; a rate that no length of a run
  // changes.
  const std::string batch = "--set train.batch_tokens=320 --set optim.schedule.type=constant ";
  const test::Outcome one = run(kPretrain + batch + "--run-dir one");
  expect_same_end(one, run(kPretrain + batch + "--run-dir two --ranks 2"));
  expect_same_end(one, run(kPretrain + batch + "--run-dir zero --ranks 2 --set dist.zero=1"));

  const std::string stop = batch + "--run-dir parts --set train.max_steps=30 ";
  ASSERT_EQ(
      run(kPretrain + stop + "--ranks 2 --set train.max_steps=12 --set dist.zero=1").exit_code, 0);
  const test::Outcome resumed = run(kPretrain + stop + "--ranks 3");
  expect_same_end(one, resumed);
  EXPECT_EQ(resumed.json()["first_step"], 12);
  EXPECT_THAT(resumed.err, HasSubstr("ranks 2 -> 3"));
}

TEST_F(RanksCli, AnErrorIsToldOnce) {
  const test::Outcome refused = run(kPretrain + std::string("--ranks 3 --set data.path=nowhere"));
  EXPECT_EQ(refused.exit_code, 2) << refused.err;
  EXPECT_EQ(count_of(refused.err, "error:"), 1) << refused.err;
  EXPECT_THAT(refused.err, HasSubstr("nowhere"));
}

TEST_F(RanksCli, AnInterruptedRunStopsOnAllRanksAndGoesOn) {
  const std::string line = kPretrain + std::string("--run-dir r --ranks 2 ");
  const test::Outcome stopped =
      run(line +
          "--set train.max_steps=2000000 & until [ -s r/metrics.jsonl ]; do sleep 0.05; done; "
          "kill -TERM $!; wait $!");
  ASSERT_EQ(stopped.exit_code, 130) << stopped.err;
  const auto step = stopped.json()["step"].get<int64_t>();
  EXPECT_EQ(count_of(stopped.err, "interrupted after step"), 1) << stopped.err;
  const test::Outcome more = run(line + "--set train.max_steps=" + std::to_string(step + 3));
  EXPECT_EQ(more.exit_code, 0) << more.err;
  EXPECT_EQ(more.json()["first_step"], step);
}

// Rank r is the launcher's child r.
constexpr const char* kHelpers = R"(
launcher_of() { until [ -s $1/metrics.jsonl ]; do kill -0 $! || break; sleep 0.05; done; }
rank() { awk -v n=$(($1 + 1)) '{print $n}' /proc/$launcher/task/$launcher/children; }
)";

// A run without an end, in which `what` happens once it trains; `$launcher` is its process.
std::string disturbed(const std::string& line, const std::string& what) {
  const size_t program = line.find("pretrain");
  return kHelpers + line.substr(0, program) + "pretrain --run-dir r --set train.max_steps=2000000" +
         line.substr(program + 8) + " & launcher=$!; " + "launcher_of r; " + what +
         "; wait $launcher";
}

TEST_F(RanksCli, AKilledRankIsNamedAndNobodyStays) {
  for (const int killed : {0, 1}) {
    const test::Outcome outcome = run(
        "rm -rf r; " + disturbed(kPretrain + std::string("--ranks 3"),
                                 fmt::format("p=$(rank {}); echo $p >pid; kill -KILL $p", killed)));
    EXPECT_EQ(outcome.exit_code, 137) << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr(fmt::format("rank {} was killed by signal 9", killed)));
    EXPECT_EQ(count_of(outcome.err, "llmtrain: error: "), 1) << outcome.err;
    const std::string pid = test::read_bytes(dir_ / "pid");
    EXPECT_THAT(
        outcome.err,
        AllOf(HasSubstr(fmt::format("got rank {} (", killed)),
              HasSubstr("process " + pid.substr(0, pid.size() - 1) + ") ended without a word"),
              HasSubstr(fmt::format("on rank {} (", killed == 0 ? 1 : 0)), HasSubstr("step ")));
    expect_nobody_left();
  }
}

TEST_F(RanksCli, AStoppedRankIsNamedAndEnded) {
  const test::Outcome outcome =
      run(disturbed(kPretrain + std::string("--ranks 3 --set dist.timeout_seconds=2 --set "
                                            "dist.grace_seconds=2"),
                    "p=$(rank 1); echo $p >pid; kill -STOP $p"));
  EXPECT_EQ(outcome.exit_code, 1) << outcome.err;
  const std::string pid = test::read_bytes(dir_ / "pid");
  EXPECT_THAT(
      outcome.err,
      AllOf(HasSubstr("got rank 1 ("), HasSubstr(pid.substr(0, pid.size() - 1)),
            HasSubstr("has been silent for"), HasSubstr("ending the 1 rank(s) that still run")));
  EXPECT_EQ(count_of(outcome.err, "llmtrain: error: "), 1) << outcome.err;
  expect_nobody_left();
}

TEST_F(RanksCli, OneRanksSigtermStopsAllAfterTheSameStep) {
  const test::Outcome outcome =
      run(disturbed(kPretrain + std::string("--ranks 2"), "kill -TERM $(rank 1)"));
  EXPECT_EQ(outcome.exit_code, 130) << outcome.err;
  EXPECT_EQ(count_of(outcome.err, "interrupted after step"), 1) << outcome.err;
  EXPECT_EQ(outcome.json()["end"], "interrupted");
}

// The step cannot end: rank 2 is stopped.
TEST_F(RanksCli, AfterHalfTheGraceRanksLeaveAStepThatDoesNotEnd) {
  const test::Outcome outcome =
      run(disturbed(kPretrain + std::string("--ranks 3 --set dist.grace_seconds=2"),
                    "kill -STOP $(rank 2); sleep 0.5; kill -TERM $launcher"));
  EXPECT_EQ(outcome.exit_code, 143) << outcome.err;
  EXPECT_EQ(count_of(outcome.err, "SIGTERM came, and its step did not end within 1 s"), 1)
      << outcome.err;
  expect_nobody_left();
}

TEST_F(RanksCli, ALossThatIsNoNumberIsToldOnce) {
  const test::Outcome diverged =
      run(kPretrain + std::string("--run-dir r --ranks 2 --set optim.lr=1e30 --set "
                                  "optim.clip_norm=0 --set train.max_steps=20"));
  EXPECT_EQ(diverged.exit_code, 1) << diverged.err;
  EXPECT_EQ(count_of(diverged.err, "llmtrain: error: "), 1) << diverged.err;
}

// Rank 1 alone may write no more: its limit stands for a full disk. It counts for stderr, too,
// where that is a file.
TEST_F(RanksCli, ADiskThatIsFullForOneRankIsToldOnceByIt) {
  if (!has_program("prlimit")) GTEST_SKIP() << "skipped: prlimit is absent";
  const std::string line = kPretrain + std::string(
                                           "--ranks 3 --set dist.zero=1 --set "
                                           "checkpoint.every_steps=20 2>pipe");
  const test::Outcome outcome = run("trap '' XFSZ; mkfifo pipe; cat pipe >&2 & " +
                                    disturbed(line, "prlimit --pid $(rank 1) --fsize=16"));
  EXPECT_EQ(outcome.exit_code, 3) << outcome.err;
  EXPECT_EQ(count_of(outcome.err, "error: "), 1) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("llmtrain [rank 1]: error: "));
  expect_nobody_left();
}

TEST_F(RanksCli, ARunWhoseRanksAreStartedAgainIsTheUndisturbedOne) {
  const std::string line =
      kPretrain + std::string("--ranks 2 --set checkpoint.every_steps=5 --set train.max_steps=60 ");
  ASSERT_EQ(run(line + "--run-dir whole").exit_code, 0);
  const test::Outcome outcome =
      run(kHelpers + line + "--run-dir r --restart-on-failure 2 & launcher=$!; " +
          "until [ -e r/checkpoints/step-00000005 ]; do sleep 0.01; done; "
          "kill -KILL $(rank 1); wait $launcher");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("rank 1 was killed by signal 9 (Killed): starting all ranks "
                                     "again, 1 of 2 time(s)"));
  EXPECT_EQ(outcome.json()["end"], "completed");
  for (const char* file : {"model.safetensors", "trainer/optimizer-00001-of-00001.safetensors"}) {
    const std::string path = std::string("/checkpoints/step-00000060/") + file;
    EXPECT_EQ(run("cmp whole" + path + " r" + path).exit_code, 0) << file;
  }
}

TEST_F(RanksCli, RestartsEndAndErrorsOfTheUserAreNotRepeated) {
  const std::string line = kPretrain + std::string("--ranks 2 --restart-on-failure 2 ");
  const test::Outcome refused = run(line + "--set data.path=nowhere");
  EXPECT_EQ(refused.exit_code, 2) << refused.err;
  EXPECT_THAT(refused.err, Not(HasSubstr("starting all ranks again")));

  const test::Outcome diverged = run(
      line + "--run-dir r --set optim.lr=1e30 --set optim.clip_norm=0 --set train.max_steps=20");
  EXPECT_EQ(diverged.exit_code, 1) << diverged.err;
  EXPECT_EQ(count_of(diverged.err, "starting all ranks again"), 2) << diverged.err;
  EXPECT_THAT(diverged.err, HasSubstr("the ranks were started again 2 time(s)"));
}

TEST_F(RanksCli, RestartsNeedRanksOfOurOwn) {
  const test::Outcome alone = run(kPretrain + std::string("--restart-on-failure 2"));
  EXPECT_EQ(alone.exit_code, 2);
  EXPECT_THAT(alone.err, HasSubstr("Add --ranks N"));
  if (!has_program("mpirun.openmpi")) GTEST_SKIP() << "skipped: mpirun.openmpi is absent";
  const test::Outcome mpi = run(kMpirun + std::string(kPretrain) + "--restart-on-failure 2");
  EXPECT_NE(mpi.exit_code, 0);
  EXPECT_THAT(mpi.err, AllOf(HasSubstr("ranks started by Open MPI"),
                             HasSubstr("Start them with --ranks N, or leave the option out")));
}

TEST_F(RanksCli, UnderMpirunAKilledRankIsNamedAndNobodyStays) {
  if (!has_program("mpirun.openmpi")) GTEST_SKIP() << "skipped: mpirun.openmpi is absent";
  const test::Outcome outcome =
      run(disturbed(kMpirun + std::string(kPretrain),
                    "kill -KILL $(cat /proc/$launcher/task/*/children | awk '{print $NF}')"));
  EXPECT_NE(outcome.exit_code, 0);
  EXPECT_THAT(outcome.err, HasSubstr("ended without a word"));
  expect_nobody_left();
}

TEST_F(RanksCli, TheLauncherOfMpiStartsTheSameRun) {
  if (!has_program("mpirun.openmpi")) GTEST_SKIP() << "skipped: mpirun.openmpi is absent";
  expect_same_end(run(kPretrain + std::string("--run-dir one")),
                  run(kMpirun + std::string(kPretrain) + "--run-dir two"));
  const test::Outcome both = run(kMpirun + std::string(kPretrain) + "--run-dir three --ranks 3");
  EXPECT_NE(both.exit_code, 0);
  EXPECT_THAT(both.err, HasSubstr("The launcher starts the ranks: leave --ranks out"));

  const std::string rank = kPretrain + std::string("--run-dir four ");
  const test::Outcome differ = run(kMpirun + rank + ": -n 1 " + rank + "--set optim.lr=1e-3 ");
  EXPECT_NE(differ.exit_code, 0);
  EXPECT_THAT(differ.err, HasSubstr("rank 2 ("));
  EXPECT_EQ(count_of(differ.err, "error: config of the ranks"), 1) << differ.err;
}

TEST_F(RanksCli, HydraStartsTheSameRun) {
  if (!has_program("mpiexec.hydra")) GTEST_SKIP() << "skipped: mpiexec.hydra is absent";
  expect_same_end(run(kPretrain + std::string("--run-dir one")),
                  run("mpiexec.hydra -n 2 " + std::string(kPretrain) + "--run-dir two"));
}

}  // namespace
}  // namespace llm
