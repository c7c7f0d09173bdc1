// Oracle: the variables that the launchers were seen to set, and their documentation.
#include "llm/dist/launch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "llm/core/error.h"
#include "support/error_text.h"

namespace llm::dist {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using Environment = std::map<std::string, std::string>;

LaunchEnvironment read(const Environment& environment) {
  return read_launch_environment([&](const std::string& name) -> std::optional<std::string> {
    const auto found = environment.find(name);
    return found == environment.end() ? std::nullopt : std::optional(found->second);
  });
}

std::string refusal(const Environment& environment) {
  return test::error_text<core::ConfigError>([&] { read(environment); });
}

Environment with(Environment base, const Environment& more) {
  for (const auto& [name, value] : more) base[name] = value;
  return base;
}

Environment without(Environment base, const std::string& name) {
  base.erase(name);
  return base;
}

const Environment kOpenMpiRank{{"OMPI_COMM_WORLD_RANK", "3"},
                               {"OMPI_COMM_WORLD_SIZE", "8"},
                               {"OMPI_COMM_WORLD_LOCAL_RANK", "1"},
                               {"OMPI_COMM_WORLD_LOCAL_SIZE", "2"},
                               {"OMPI_MCA_ess_base_jobid", "3287678977"},
                               {"PMIX_RANK", "3"},
                               {"PMIX_NAMESPACE", "3287678977"}};
const Environment kHydraRank{
    {"PMI_RANK", "5"}, {"PMI_SIZE", "6"}, {"MPI_LOCALRANKID", "2"}, {"MPI_LOCALNRANKS", "3"}};
const Environment kTorchrunRank{{"RANK", "2"},
                                {"WORLD_SIZE", "4"},
                                {"LOCAL_RANK", "0"},
                                {"LOCAL_WORLD_SIZE", "2"},
                                {"MASTER_ADDR", "node-a"},
                                {"MASTER_PORT", "29500"},
                                {"TORCHELASTIC_RUN_ID", "abc"},
                                {"TORCHELASTIC_RESTART_COUNT", "2"},
                                {"TORCHELASTIC_USE_AGENT_STORE", "True"}};
const Environment kSlurmRank{{"SLURM_JOB_ID", "1000"},
                             {"SLURM_STEP_ID", "2"},
                             {"SLURM_PROCID", "4"},
                             {"SLURM_STEP_NUM_TASKS", "5"},
                             {"SLURM_NTASKS", "5"},
                             {"SLURM_LOCALID", "0"},
                             {"SLURM_NODEID", "2"},
                             {"SLURM_STEP_TASKS_PER_NODE", "2(x2),1"},
                             {"SLURM_STEP_NODELIST", "node[08-10]"}};

TEST(Launch, IsOneProcessWithoutALauncher) {
  const LaunchEnvironment launch = read({{"PATH", "/bin"}, {"WORLD_SIZE", "8"}});
  EXPECT_EQ(launch.rank, 0);
  EXPECT_EQ(launch.world_size, 1);
  EXPECT_EQ(launch.local_world_size, 1);
  EXPECT_FALSE(launch.rendezvous);
  EXPECT_TRUE(launch.is_single_host());
}

struct LauncherCase {
  std::string name;
  Environment environment;
  int rank, world_size, local_rank, local_world_size;
  std::string job;
};

class Launcher : public ::testing::TestWithParam<LauncherCase> {};

TEST_P(Launcher, GivesRanksAndJob) {
  const LaunchEnvironment launch = read(GetParam().environment);
  EXPECT_EQ(launch.rank, GetParam().rank);
  EXPECT_EQ(launch.world_size, GetParam().world_size);
  EXPECT_EQ(launch.local_rank, GetParam().local_rank);
  EXPECT_EQ(launch.local_world_size, GetParam().local_world_size);
  EXPECT_EQ(launch.job, GetParam().job);
}

INSTANTIATE_TEST_SUITE_P(
    All, Launcher,
    ::testing::Values(
        LauncherCase{"Own",
                     {{"LLMTRAIN_RANK", "1"},
                      {"LLMTRAIN_WORLD_SIZE", "2"},
                      {"LLMTRAIN_LOCAL_RANK", "1"},
                      {"LLMTRAIN_LOCAL_WORLD_SIZE", "2"},
                      {"LLMTRAIN_JOB", "7"}},
                     1,
                     2,
                     1,
                     2,
                     "7"},
        LauncherCase{"OpenMpi4", kOpenMpiRank, 3, 8, 1, 2, "3287678977"},
        LauncherCase{"OpenMpi5",
                     with(without(kOpenMpiRank, "OMPI_MCA_ess_base_jobid"),
                          {{"PMIX_NAMESPACE", "prterun-node-a-77@1"}}),
                     3, 8, 1, 2, "prterun-node-a-77@1"},
        LauncherCase{"Hydra", kHydraRank, 5, 6, 2, 3, ""},
        LauncherCase{"Mvapich2",
                     {{"MV2_COMM_WORLD_RANK", "0"},
                      {"MV2_COMM_WORLD_SIZE", "4"},
                      {"MV2_COMM_WORLD_LOCAL_RANK", "0"},
                      {"MV2_COMM_WORLD_LOCAL_SIZE", "4"}},
                     0,
                     4,
                     0,
                     4,
                     ""},
        LauncherCase{"Torchrun", kTorchrunRank, 2, 4, 0, 2, "abc"},
        LauncherCase{"Slurm", kSlurmRank, 4, 5, 0, 1, "slurm-1000.2"},
        // srun --mpi=pmi2 gives the rank of Hydra's set, but not the local ones.
        LauncherCase{"SlurmWithPmi2", with(kSlurmRank, {{"PMI_RANK", "4"}, {"PMI_SIZE", "5"}}), 4,
                     5, 0, 1, "slurm-1000.2"},
        LauncherCase{"SlurmWithPmix", with(kSlurmRank, {{"PMIX_RANK", "4"}}), 4, 5, 0, 1,
                     "slurm-1000.2"},
        // Open MPI starts its daemons through srun: the step's variables are the daemon's.
        LauncherCase{"OpenMpiUnderSlurm", with(kOpenMpiRank, kSlurmRank), 3, 8, 1, 2, "3287678977"},
        LauncherCase{"OwnUnderOpenMpi",
                     with(kOpenMpiRank, {{"LLMTRAIN_RANK", "0"},
                                         {"LLMTRAIN_WORLD_SIZE", "3"},
                                         {"LLMTRAIN_LOCAL_RANK", "0"},
                                         {"LLMTRAIN_LOCAL_WORLD_SIZE", "3"}}),
                     0, 3, 0, 3, ""}),
    [](const auto& one) { return one.param.name; });

TEST(Launch, TakesTheMeetingPlaceOfTorchrun) {
  const LaunchEnvironment launch = read(kTorchrunRank);
  ASSERT_TRUE(launch.rendezvous);
  EXPECT_EQ(to_string(*launch.rendezvous), "node-a:29500");
  EXPECT_TRUE(launch.is_store_served);
  EXPECT_EQ(launch.restart, 2);
  EXPECT_FALSE(read(without(kTorchrunRank, "TORCHELASTIC_USE_AGENT_STORE")).is_store_served);
  const LaunchEnvironment ipv6 = read(with(kTorchrunRank, {{"MASTER_ADDR", "fe80::1"}}));
  EXPECT_EQ(to_string(*ipv6.rendezvous), "[fe80::1]:29500");
}

// Kubernetes operators set torchrun's global numbers and start one process a host.
TEST(Launch, TakesOneProcessAHostWithoutLocalNumbers) {
  const LaunchEnvironment launch =
      read(without(without(kTorchrunRank, "LOCAL_RANK"), "LOCAL_WORLD_SIZE"));
  EXPECT_EQ(launch.local_world_size, 1);
  EXPECT_FALSE(launch.is_single_host());
}

TEST(Launch, TakesTheMeetingPlaceOfOurLauncher) {
  const LaunchEnvironment launch = read({{"LLMTRAIN_RANK", "1"},
                                         {"LLMTRAIN_WORLD_SIZE", "2"},
                                         {"LLMTRAIN_LOCAL_RANK", "1"},
                                         {"LLMTRAIN_LOCAL_WORLD_SIZE", "2"},
                                         {"LLMTRAIN_RENDEZVOUS", "127.0.0.1:4711"},
                                         {"LLMTRAIN_RESTART", "3"}});
  EXPECT_EQ(to_string(launch.rendezvous.value()), "127.0.0.1:4711");
  EXPECT_EQ(launch.restart, 3);
}

TEST(Launch, MakesAMeetingPlaceOfSlurmsHosts) {
  const LaunchEnvironment launch = read(kSlurmRank);
  ASSERT_TRUE(launch.rendezvous);
  EXPECT_EQ(launch.rendezvous->host, "node08");
  EXPECT_EQ(launch.rendezvous->port, 15000 + (1000 * 31 + 2) % 15000);
  const LaunchEnvironment one_host = read(
      with(kSlurmRank,
           {{"SLURM_STEP_TASKS_PER_NODE", "5"}, {"SLURM_NODEID", "0"}, {"SLURM_LOCALID", "4"}}));
  EXPECT_TRUE(one_host.is_single_host());
  EXPECT_FALSE(one_host.rendezvous);
}

// The batch script itself has ranks and tasks, but is no step: sbatch without srun is one process.
TEST(Launch, LeavesABatchScriptAlone) {
  EXPECT_EQ(read(without(kSlurmRank, "SLURM_STEP_ID")).world_size, 1);
  EXPECT_EQ(read(with(kSlurmRank, {{"SLURM_STEP_ID", "4294967291"}})).world_size, 1);
}

TEST(Launch, RefusesHalfASet) {
  EXPECT_THAT(refusal({{"RANK", "1"}}),
              AllOf(HasSubstr("environment of torchrun"), HasSubstr("RANK without WORLD_SIZE")));
  EXPECT_THAT(refusal(without(kOpenMpiRank, "OMPI_COMM_WORLD_LOCAL_SIZE")),
              HasSubstr("without OMPI_COMM_WORLD_LOCAL_SIZE"));
  EXPECT_THAT(refusal({{"PMIX_RANK", "1"}}), HasSubstr("got PMIX_RANK alone"));
  EXPECT_THAT(refusal({{"PMI_RANK", "1"}, {"PMI_SIZE", "2"}}),
              HasSubstr("PMI_RANK, PMI_SIZE without MPI_LOCALRANKID, MPI_LOCALNRANKS"));
  EXPECT_THAT(refusal(without(kSlurmRank, "SLURM_LOCALID")), HasSubstr("without SLURM_LOCALID"));
}

TEST(Launch, RefusesWhatContradictsItself) {
  EXPECT_THAT(
      refusal(with(kOpenMpiRank, {{"OMPI_COMM_WORLD_RANK", "8"}})),
      AllOf(HasSubstr("OMPI_COMM_WORLD_RANK and OMPI_COMM_WORLD_SIZE"), HasSubstr("rank 8 of 8")));
  EXPECT_THAT(refusal(with(kHydraRank, {{"MPI_LOCALRANKID", "3"}})), HasSubstr("rank 3 of 3"));
  EXPECT_THAT(refusal(with(kTorchrunRank, {{"WORLD_SIZE", "two"}})),
              HasSubstr("environment variable WORLD_SIZE: expected a whole number from 0, got "
                        "\"two\""));
  EXPECT_THAT(refusal(with(kTorchrunRank, {{"RANK", "-1"}})), HasSubstr("\"-1\""));
  EXPECT_THAT(refusal(with(kTorchrunRank, {{"RANK", "1 "}})), HasSubstr("\"1 \""));
  EXPECT_THAT(refusal(with(kTorchrunRank, {{"MASTER_PORT", "0"}})), HasSubstr("MASTER_PORT"));
  EXPECT_THAT(refusal(with(kSlurmRank, {{"SLURM_STEP_TASKS_PER_NODE", "2(x2)"}})),
              HasSubstr("SLURM_NODEID"));
  EXPECT_THAT(refusal(with(kSlurmRank, {{"SLURM_STEP_NODELIST", "node[3-1]"}})),
              HasSubstr("SLURM_STEP_NODELIST"));
}

TEST(HostPortText, IsReadAndWritten) {
  for (const char* text : {"node01:29500", "10.0.0.1:1", "[::1]:65535", "a.b-c.d:80"}) {
    EXPECT_EQ(to_string(parse_host_port(text, "--rendezvous")), text);
  }
  EXPECT_EQ(parse_host_port("[::1]:7", "x").host, "::1");
  for (const char* text : {"", "node", "node:", ":1", "node:0", "node:65536", "node:-1", "node:1x",
                           "::1:29500", "[::1]", "[]:1", "[node]:1", "node: 1"}) {
    EXPECT_THAT(test::error_text<core::ConfigError>([&] { parse_host_port(text, "--rendezvous"); }),
                HasSubstr("--rendezvous: expected HOST:PORT"))
        << text;
  }
}

}  // namespace
}  // namespace llm::dist
