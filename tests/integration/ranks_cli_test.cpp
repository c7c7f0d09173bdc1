// Oracle: the run of one process, and the command-line contract: one JSON object, one error
// message, exit codes, nobody left behind.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "support/paths.h"
#include "support/train_folder.h"

namespace llm {
namespace {

using testing::HasSubstr;
using testing::Not;

class RanksCli : public test::TrainFolder {
 protected:
  static constexpr const char* kPretrain =
      "llmtrain pretrain --config run.json --json --threads 1 ";

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
  EXPECT_THAT(resumed.err, HasSubstr("resuming with 3 rank(s) after 2"));
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

TEST_F(RanksCli, AKilledRankEndsTheRunAndNobodyStays) {
  const std::string directory = (dir_.path() / "r").string();
  const test::Outcome killed =
      run(kPretrain + std::string("--run-dir ") + directory +
          " --ranks 3 --set train.max_steps=2000000 & "
          "until [ -s r/metrics.jsonl ]; do sleep 0.05; done; "
          "kill -KILL $(awk '{print $NF}' /proc/$!/task/$!/children) || kill $!; wait $!");
  EXPECT_EQ(killed.exit_code, 137) << killed.err;
  EXPECT_THAT(killed.err, HasSubstr("was killed by signal 9"));
  const std::string left =
      run("for p in /proc/[0-9]*; do grep -sqx llmtrain $p/comm && tr '\\0' ' ' <$p/cmdline; done")
          .out;
  EXPECT_THAT(left, Not(HasSubstr(directory)));
}

TEST_F(RanksCli, TheLauncherOfMpiStartsTheSameRun) {
  if (!has_program("mpirun.openmpi")) GTEST_SKIP() << "skipped: mpirun.openmpi is absent";
  const std::string mpirun =
      "env OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 mpirun.openmpi "
      "--oversubscribe "
      "--bind-to none -n 2 ";
  expect_same_end(run(kPretrain + std::string("--run-dir one")),
                  run(mpirun + kPretrain + "--run-dir two"));
  const test::Outcome both = run(mpirun + kPretrain + "--run-dir three --ranks 3");
  EXPECT_NE(both.exit_code, 0);
  EXPECT_THAT(both.err, HasSubstr("The launcher starts the ranks: leave --ranks out"));

  const std::string rank = kPretrain + std::string("--run-dir four ");
  const test::Outcome differ = run(mpirun + rank + ": -n 1 " + rank + "--set optim.lr=1e-3 ");
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
