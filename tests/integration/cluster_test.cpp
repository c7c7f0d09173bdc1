// Oracle: the run of one process. Hosts are network namespaces with names and addresses of their
// own (scripts/cluster/in_namespaces.sh), the launchers the real ones.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/paths.h"
#include "support/train_folder.h"

namespace llm {
namespace {

using testing::HasSubstr;

constexpr int kNoNamespaces = 77;

class Cluster : public test::TrainFolder {
 protected:
  void SetUp() override {
    if (run("command -v mpirun").exit_code != 0) GTEST_SKIP() << "skipped: mpirun is not installed";
    if (run("mpirun --version").out.find("Open MPI") == std::string::npos)
      GTEST_SKIP() << "skipped: this mpirun is not Open MPI's";
    if (run(script("in_namespaces.sh") + " 1 true").exit_code == kNoNamespaces)
      GTEST_SKIP() << "skipped: unshare makes no network namespaces here";
    TrainFolder::SetUp();
  }

  static std::string script(const std::string& name) {
    return (test::source_dir() / "scripts/cluster" / name).string();
  }

  // On two hosts with a rank each.
  std::string on_two_hosts(const std::string& arguments, const std::string& options = "") const {
    return fmt::format(
        R"({} 2 sh -c '{} --hosts node-1:1,node-2:1 {} --mpirun "--mca plm_rsh_agent $NODE_SHELL")"
        R"( -- llmtrain pretrain --config run.json --json --threads 1 {}')",
        script("in_namespaces.sh"), script("mpirun.sh"), options, arguments);
  }
};

TEST_F(Cluster, TwoHostsAreTheRunOfOneProcess) {
  const test::Outcome one =
      run("llmtrain pretrain --config run.json --json --threads 1 --run-dir one");
  const test::Outcome two = run(on_two_hosts("--run-dir two"));
  ASSERT_EQ(one.exit_code, 0) << one.err;
  ASSERT_EQ(two.exit_code, 0) << two.err;
  EXPECT_NEAR(two.json()["loss"].get<double>(), one.json()["loss"].get<double>(), 1e-4);
  EXPECT_THAT(two.err, HasSubstr("node-1"));
  EXPECT_THAT(two.err, HasSubstr("node-2"));
}

TEST_F(Cluster, ARunWhoseRankIsKilledIsStartedAgainAndEndsTheSame) {
  const std::string settings = "--set train.max_steps=160 --set checkpoint.every_steps=20 ";
  const test::Outcome undisturbed = run(on_two_hosts(settings + "--run-dir undisturbed"));
  ASSERT_EQ(undisturbed.exit_code, 0) << undisturbed.err;
  // The rank on node-2 is the one without a terminal: any of the two will do.
  const std::string kill_one =
      "(until [ -d run/checkpoints/step-00000040 ]; do sleep 0.02; done; "
      "for p in /proc/[0-9]*; do [ \"$(readlink $p/cwd)\" = \"$PWD\" ] && grep -sqx llmtrain "
      "$p/comm && kill -9 ${p#/proc/} && break; done) & ";
  const test::Outcome killed =
      run(kill_one + on_two_hosts(settings + "--run-dir run", "--restart-on-failure 1"));
  ASSERT_EQ(killed.exit_code, 0) << killed.err;
  EXPECT_THAT(killed.err, HasSubstr("starting it again (1 of 1)"));
  const std::string same =
      "cmp undisturbed/checkpoints/step-00000160/model.safetensors "
      "run/checkpoints/step-00000160/model.safetensors && cd undisturbed/checkpoints/step-00000160 "
      "&& for f in trainer/optimizer-*; do cmp $f ../../../run/checkpoints/step-00000160/$f; done";
  EXPECT_EQ(run(same).exit_code, 0) << run(same).out;
}

TEST_F(Cluster, AWrongConfigIsToldOnceAndNotStartedAgain) {
  const test::Outcome refused =
      run(on_two_hosts("--set data.path=nowhere", "--restart-on-failure 3"));
  EXPECT_EQ(refused.exit_code, 2) << refused.err;
  EXPECT_EQ(refused.err.find("starting it again"), std::string::npos) << refused.err;
  EXPECT_THAT(refused.err, HasSubstr("nowhere"));
}

class SlurmCluster : public test::TrainFolder {
 protected:
  void SetUp() override {
    if (run("timeout 20 sinfo --noheader --states idle").out.empty())
      GTEST_SKIP() << "skipped: no Slurm runs here";
    TrainFolder::SetUp();
  }
  static constexpr const char* kTrain =
      "llmtrain pretrain --config run.json --json --threads 1 --run-dir ";
};

TEST_F(SlurmCluster, TwoTasksAreTheRunOfOneProcess) {
  const test::Outcome one = run(std::string(kTrain) + "one");
  const test::Outcome two = run("srun --overcommit -n 2 " + std::string(kTrain) + "two");
  ASSERT_EQ(two.exit_code, 0) << two.err;
  EXPECT_NEAR(two.json()["loss"].get<double>(), one.json()["loss"].get<double>(), 1e-4);
}

// The script of a job, inside an allocation as sbatch makes one.
TEST_F(SlurmCluster, AJobWhoseRankIsKilledIsStartedAgain) {
  const std::string settings = " --set train.max_steps=160 --set checkpoint.every_steps=20";
  const std::string kill_one =
      "(until [ -d run/checkpoints/step-00000040 ]; do sleep 0.02; done; "
      "for p in /proc/[0-9]*; do [ \"$(readlink $p/cwd)\" = \"$PWD\" ] && grep -sqx llmtrain "
      "$p/comm && kill -9 ${p#/proc/} && break; done) & ";
  const std::string script = (test::source_dir() / "scripts/cluster/slurm.sbatch").string();
  const test::Outcome job = run(kill_one + "salloc --quiet --overcommit -n 2 env RESTARTS=1 " +
                                script + " " + kTrain + "run" + settings);
  ASSERT_EQ(job.exit_code, 0) << job.err;
  EXPECT_THAT(job.err, HasSubstr("starting it again (1 of 1)"));
  EXPECT_EQ(run("llmtrain checkpoint verify run").exit_code, 0);
  EXPECT_EQ(run("test -d run/checkpoints/step-00000160").exit_code, 0);
}

}  // namespace
}  // namespace llm
