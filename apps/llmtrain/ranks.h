// Training with several ranks: started by a launcher (mpirun, srun, torchrun) or by --ranks.
#pragma once

#include <CLI/CLI.hpp>

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "common/program.h"
#include "llm/core/config_node.h"
#include "llm/dist/liveness.h"
#include "llm/dist/process_group.h"
#include "llm/train/run_sections.h"

namespace llm::apps {

struct RankOptions {
  int count = 0;           // --ranks; 0: as the launcher says
  std::string rendezvous;  // --rendezvous HOST:PORT; "": as the launcher says
  int restarts = 0;        // --restart-on-failure
  // Is told every collective of the group; may be empty.
  std::function<void(const dist::CollectiveTiming&)> observer = {};

  void add_to(CLI::App& command);
  // Whether this process is to start the ranks, instead of being one.
  bool asks_for_launch() const;
  // Throws: ConfigError for --restart-on-failure where another starts the ranks.
  void require_restartable() const;
};

// What has to be known of a run config before the rest is read.
struct RankSections {
  train::DistSection dist;
  train::CheckpointSection checkpoint;

  template <class V>
  void visit(V& v) {
    v.section("dist", dist, "several ranks");
    v.section("checkpoint", checkpoint, "what is kept");
  }
};
// Throws: ConfigError.
RankSections read_rank_sections(const core::ConfigNode& run_config);

struct ConnectedRanks {
  std::shared_ptr<dist::ProcessGroup> group;
  std::shared_ptr<dist::ProcessGroup> save_group;  // nullptr without checkpoint.async
  std::shared_ptr<dist::Liveness> liveness;  // nullptr for a group of one; goes before the groups
  at::Device device = at::kCPU;
  int local_rank = 0;
  int num_threads = 1;
};

// This process and the others of its launch. Without a launcher a group of one. Device: the user's
// choice; "cuda" and "auto" mean this host's GPU of the local rank. Threads: the user's choice, or
// the cores of this host shared by its ranks. The log is told the rank.
// Throws: ConfigError, DistError.
ConnectedRanks connect_ranks(const RankOptions& options, const RankSections& sections,
                             const GlobalOptions& global);

// Runs one rank's part of a training. When it fails, all ranks learn why, and of those that fail
// with the same the user hears once: an error of a rank's own from it, as "llmtrain [rank 2]:
// error:", a lost rank from the lowest that lives. Throws: what `train` throws, for the caller to
// tell; AlreadyTold, with the exit code of what failed first.
void run_as_rank(dist::Liveness& liveness, int rank, bool json, const std::function<void()>& train);

// What a rank does about SIGTERM: it waits for its step to end for half the grace, then it has to
// leave. Asked again and again, also before the first step.
std::function<std::optional<dist::LastWords>()> sigterm_watch(
    const std::shared_ptr<dist::ProcessGroup>& group, std::chrono::milliseconds grace);

struct LaunchPlan {
  int count = 0;
  int restarts = 0;
  std::chrono::seconds grace{30};
  bool is_json = false;  // one object on stdout, also after restarts
  // The newest checkpoint, by name; "": none. Restarts go on from it once it is another than at the
  // start, else they begin as the command says.
  std::function<std::string()> newest_checkpoint;
};

// Starts this same command `count` times, as ranks of this machine, and returns when all have
// ended. Signals go to every rank. What runs `grace` after a SIGTERM, or after the first rank has
// failed, is killed. After a failure that may not come again (exit codes other than 2 and 3, no
// interruption) all ranks are started anew, `restarts` times at most.
// Throws: AlreadyTold with the exit code of what failed first; IoError.
void launch_ranks(const LaunchPlan& plan);

}  // namespace llm::apps
