// Training with several ranks: started by a launcher (mpirun, srun, torchrun) or by --ranks.
#pragma once

#include <CLI/CLI.hpp>

#include <memory>
#include <string>

#include "common/program.h"
#include "llm/dist/process_group.h"

namespace llm::apps {

struct RankOptions {
  int count = 0;           // --ranks; 0: as the launcher says
  std::string rendezvous;  // --rendezvous HOST:PORT; "": as the launcher says

  void add_to(CLI::App& command);
  // Whether this process is to start the ranks, instead of being one.
  bool asks_for_launch() const;
};

struct ConnectedRanks {
  std::shared_ptr<dist::ProcessGroup> group;
  at::Device device = at::kCPU;
  int local_rank = 0;
  int num_threads = 1;
};

// This process and the others of its launch. Without a launcher a group of one. Device: the user's
// choice; "cuda" and "auto" mean this host's GPU of the local rank. Threads: the user's choice, or
// the cores of this host shared by its ranks. The log is told the rank.
// Throws: ConfigError, DistError.
ConnectedRanks connect_ranks(const RankOptions& options, const GlobalOptions& global);

// Starts this same command `count` times, as ranks of this machine, and returns when all have
// ended. Signals go to every rank. When one fails, the others get a minute to end by themselves.
// Throws: AlreadyTold with the exit code of what failed first; IoError.
void launch_ranks(int count);

}  // namespace llm::apps
