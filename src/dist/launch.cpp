#include "llm/dist/launch.h"

#include <array>
#include <charconv>
#include <cstdlib>

#include "dist/slurm.h"
#include "dist/variables.h"
#include "llm/core/error.h"

namespace llm::dist {
namespace {

// A launcher that gives four numbers under names of its own.
struct FourNumbers {
  const char* launcher;
  const char* rank;
  const char* world_size;
  const char* local_rank;
  const char* local_world_size;
  void (*add_rest)(const Variables&, LaunchEnvironment&);
};

void add_own(const Variables& variables, LaunchEnvironment& launch) {
  if (const auto address = variables.get("LLMTRAIN_RENDEZVOUS")) {
    launch.rendezvous = parse_host_port(*address, "LLMTRAIN_RENDEZVOUS");
  }
  launch.job = variables.get("LLMTRAIN_JOB").value_or("");
  launch.restart = variables.number_or("LLMTRAIN_RESTART", 0);
}

void add_open_mpi(const Variables& variables, LaunchEnvironment& launch) {
  launch.job = variables.first_of({"PMIX_NAMESPACE", "OMPI_MCA_ess_base_jobid"}).value_or("");
}

// Hydra and MVAPICH2 say nothing more.
void add_nothing(const Variables&, LaunchEnvironment&) {}

constexpr FourNumbers kOwn{"llmtrain --ranks",          "LLMTRAIN_RANK",
                           "LLMTRAIN_WORLD_SIZE",       "LLMTRAIN_LOCAL_RANK",
                           "LLMTRAIN_LOCAL_WORLD_SIZE", add_own};
constexpr std::array kMpi{
    FourNumbers{"Open MPI", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE",
                "OMPI_COMM_WORLD_LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_SIZE", add_open_mpi},
    FourNumbers{"Hydra (MPICH, Intel MPI)", "PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID",
                "MPI_LOCALNRANKS", add_nothing},
    FourNumbers{"MVAPICH2", "MV2_COMM_WORLD_RANK", "MV2_COMM_WORLD_SIZE",
                "MV2_COMM_WORLD_LOCAL_RANK", "MV2_COMM_WORLD_LOCAL_SIZE", add_nothing}};

using Found = std::optional<LaunchEnvironment>;

Found read_four(const Variables& variables, const FourNumbers& names) {
  if (!variables.has_all({names.rank, names.world_size, names.local_rank, names.local_world_size},
                         names.launcher)) {
    return {};
  }
  LaunchEnvironment launch;
  launch.launcher = names.launcher;
  launch.rank = variables.number(names.rank);
  launch.world_size = variables.number(names.world_size);
  launch.local_rank = variables.number(names.local_rank);
  launch.local_world_size = variables.number(names.local_world_size);
  require_below(names.rank, launch.rank, names.world_size, launch.world_size);
  require_below(names.local_rank, launch.local_rank, names.local_world_size,
                launch.local_world_size);
  names.add_rest(variables, launch);
  return launch;
}

// torchrun, and what imitates it: Kubernetes operators start one process a host and leave out the
// local numbers.
Found read_torchrun(const Variables& variables) {
  if (!variables.has_all({"RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"}, "torchrun")) {
    return {};
  }
  LaunchEnvironment launch;
  launch.launcher = "torchrun";
  launch.rank = variables.number("RANK");
  launch.world_size = variables.number("WORLD_SIZE");
  require_below("RANK", launch.rank, "WORLD_SIZE", launch.world_size);
  launch.local_rank = variables.number_or("LOCAL_RANK", 0);
  launch.local_world_size = variables.number_or("LOCAL_WORLD_SIZE", 1);
  require_below("LOCAL_RANK", launch.local_rank, "LOCAL_WORLD_SIZE", launch.local_world_size);
  const std::string host = *variables.get("MASTER_ADDR");
  launch.rendezvous = parse_host_port(to_string(HostPort{host, variables.number("MASTER_PORT")}),
                                      "MASTER_ADDR and MASTER_PORT");
  launch.is_store_served = variables.get("TORCHELASTIC_USE_AGENT_STORE") == "True";
  launch.job = variables.get("TORCHELASTIC_RUN_ID").value_or("");
  launch.restart = variables.number_or("TORCHELASTIC_RESTART_COUNT", 0);
  return launch;
}

// PMIx gives a process its rank, but not how many there are.
Found read_pmix(const Variables& variables) {
  if (variables.get("PMIX_RANK")) variables.remember_incomplete("PMIx", {"PMIX_RANK"}, {});
  return {};
}

core::ConfigError bad_address(const std::string& text, const std::string& where) {
  return core::ConfigError({where, "HOST:PORT with a port from 1 to 65535", '"' + text + '"',
                            "For example node01:29500 or [::1]:29500"});
}

}  // namespace

HostPort parse_host_port(const std::string& text, const std::string& where) {
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0) throw bad_address(text, where);
  HostPort address{text.substr(0, colon)};
  const bool is_bracketed = address.host.starts_with('[') && address.host.ends_with(']');
  if (is_bracketed) address.host = address.host.substr(1, address.host.size() - 2);
  const bool has_colon = address.host.find(':') != std::string::npos;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data() + colon + 1, end, address.port);
  if (address.host.empty() || has_colon != is_bracketed || error != std::errc() || stop != end ||
      address.port < 1 || address.port > 65535) {
    throw bad_address(text, where);
  }
  return address;
}

std::string to_string(const HostPort& address) {
  const bool is_ipv6 = address.host.find(':') != std::string::npos;
  return (is_ipv6 ? '[' + address.host + ']' : address.host) + ':' + std::to_string(address.port);
}

LaunchEnvironment read_launch_environment(const VariableGetter& getter) {
  const Variables variables(getter);
  if (const Found launch = read_four(variables, kOwn)) return *launch;
  if (const Found launch = read_torchrun(variables)) return *launch;
  for (const FourNumbers& names : kMpi) {
    if (const Found launch = read_four(variables, names)) return *launch;
  }
  if (const Found launch = read_slurm(variables)) return *launch;
  if (const Found launch = read_pmix(variables)) return *launch;
  variables.refuse_incomplete();
  return {};
}

LaunchEnvironment read_launch_environment() {
  return read_launch_environment([](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    return value ? std::optional<std::string>(value) : std::nullopt;
  });
}

}  // namespace llm::dist
