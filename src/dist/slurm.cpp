#include "dist/slurm.h"

#include <fmt/format.h>

#include <charconv>

#include "llm/core/error.h"

namespace llm::dist {
namespace {

// Steps with numbers from here on are Slurm's own: the batch script, an interactive shell.
constexpr int64_t kFirstSpecialStep = 0xFFFFFFF0;
// Below the ports that systems give to outgoing connections.
constexpr int kFirstPort = 15000;
constexpr int64_t kNumPorts = 15000;

int64_t to_number(const std::string& text, const std::string& name) {
  int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end || value < 0) {
    throw core::ConfigError({"environment variable " + name, "a whole number from 0",
                             '"' + text + '"', "Slurm's srun sets it"});
  }
  return value;
}

// SLURM_NTASKS is the job's in the environment of a batch script, so the step's own names come
// first.
int local_world_size_of(const Variables& variables) {
  const char* name = "SLURM_STEP_TASKS_PER_NODE";
  const auto counts = variables.first_of({name, "SLURM_TASKS_PER_NODE"});
  if (!counts) return variables.number_or("SLURM_NTASKS_PER_NODE", 1);
  const std::vector<int> tasks = expand_task_counts(*counts, name);
  const int node = variables.number_or("SLURM_NODEID", 0);
  require_below("SLURM_NODEID", node, name, static_cast<int>(tasks.size()));
  return tasks[static_cast<size_t>(node)];
}

HostPort meeting_place(const Variables& variables, int64_t job, int64_t step) {
  const char* name = "SLURM_STEP_NODELIST";
  const auto list = variables.first_of({name, "SLURM_JOB_NODELIST", "SLURM_NODELIST"});
  if (!list) {
    throw core::ConfigError({std::string("environment variable ") + name, "the hosts of the step",
                             "nothing", "Name rank 0's host with --rendezvous HOST:PORT"});
  }
  const int64_t port = kFirstPort + (job * 31 + step) % kNumPorts;
  return {expand_host_list(*list, name).front(), static_cast<int>(port)};
}

}  // namespace

std::optional<LaunchEnvironment> read_slurm(const Variables& variables) {
  const auto step_text = variables.get("SLURM_STEP_ID");
  if (!step_text) return {};
  const int64_t step = to_number(*step_text, "SLURM_STEP_ID");
  if (step >= kFirstSpecialStep) return {};
  const char* size_name =
      variables.get("SLURM_STEP_NUM_TASKS") ? "SLURM_STEP_NUM_TASKS" : "SLURM_NTASKS";
  if (!variables.has_all({"SLURM_STEP_ID", "SLURM_PROCID", size_name, "SLURM_LOCALID"},
                         "Slurm's srun")) {
    return {};
  }
  LaunchEnvironment launch;
  launch.launcher = "Slurm's srun";
  launch.rank = variables.number("SLURM_PROCID");
  launch.world_size = variables.number(size_name);
  require_below("SLURM_PROCID", launch.rank, size_name, launch.world_size);
  launch.local_rank = variables.number("SLURM_LOCALID");
  launch.local_world_size = local_world_size_of(variables);
  require_below("SLURM_LOCALID", launch.local_rank, "SLURM_STEP_TASKS_PER_NODE",
                launch.local_world_size);
  const auto job_text = variables.first_of({"SLURM_JOB_ID", "SLURM_JOBID"});
  const int64_t job = job_text ? to_number(*job_text, "SLURM_JOB_ID") : 0;
  launch.job = fmt::format("slurm-{}.{}", job, step);
  launch.restart = variables.number_or("SLURM_RESTART_COUNT", 0);
  if (!launch.is_single_host()) launch.rendezvous = meeting_place(variables, job, step);
  return launch;
}

}  // namespace llm::dist
