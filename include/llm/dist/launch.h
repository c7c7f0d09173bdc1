// How this process was started: alone, or as one rank of many, by whom, and what the launcher says
// about the others. docs/distributed.md has the table of launchers and variables.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace llm::dist {

struct HostPort {
  std::string host;
  int port = 0;  // 1 to 65535
};

// "host:29500", "10.0.0.1:29500", "[::1]:29500". `where` names the setting in errors.
// Throws: ConfigError.
HostPort parse_host_port(const std::string& text, const std::string& where);
// The text that parse_host_port() reads.
std::string to_string(const HostPort& address);

struct LaunchEnvironment {
  int rank = 0;  // 0 to world_size - 1
  int world_size = 1;
  int local_rank = 0;  // among the ranks of this host
  int local_world_size = 1;
  std::string launcher = "no launcher";  // for people: "Open MPI's mpirun"
  std::optional<HostPort> rendezvous;    // where the ranks meet, when the launcher says so
  bool is_store_served = false;  // a store answers there already (torchrun's agent): no rank serves
  // What tells this launch from others on the same hosts; empty when the launcher gives nothing.
  std::string job;
  int restart = 0;  // how often the launcher has started these ranks anew

  bool is_single_host() const { return local_world_size == world_size; }
};

using VariableGetter = std::function<std::optional<std::string>(const std::string& name)>;

// The first complete set of variables counts: llmtrain --ranks, torchrun, Open MPI, Hydra (MPICH,
// Intel MPI), MVAPICH2, Slurm's srun. Without any this is a single process, also in a batch script
// of Slurm that was not started through srun. A pure function of the getter.
// Throws: ConfigError naming the variables, where a number is none, a rank is not below its size,
// or a set has a rank but lacks what goes with it and no other set is complete.
LaunchEnvironment read_launch_environment(const VariableGetter& getter);
// The same of this process's environment.
LaunchEnvironment read_launch_environment();

// Slurm's short form of host names, "node[01-03,7],gpu5", in its order. Numbers keep their leading
// zeros; several brackets in a name multiply. Throws: ConfigError naming `where`.
std::vector<std::string> expand_host_list(const std::string& text, const std::string& where);
// Slurm's tasks per node, "2(x3),1" = {2, 2, 2, 1}. Throws: ConfigError naming `where`.
std::vector<int> expand_task_counts(const std::string& text, const std::string& where);

}  // namespace llm::dist
