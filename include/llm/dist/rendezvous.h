// How ranks that know nothing but their number find each other: from a LaunchEnvironment to a
// connected store, with everybody present.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "llm/dist/launch.h"
#include "llm/dist/store.h"

namespace llm::dist {

struct RendezvousOptions {
  // HOST:PORT, the host of rank 0 as all others can reach it; empty: what the launcher says.
  std::string address = {};
  std::chrono::milliseconds timeout = std::chrono::minutes(5);
  // Where ranks of one host leave each other a note; empty: the system's temporary directory.
  std::filesystem::path note_directory = {};
};

struct Peer {
  int rank = 0;
  std::string host;     // its name
  int64_t pid = 0;      // on its host
  std::string address;  // the numeric address it was first seen to use; "127.0.0.1" on one host

  // "rank 2 (node-b, process 4711)"
  std::string name() const;
};

struct Rendezvous {
  LaunchEnvironment launch;
  Store store;              // of this launch and restart alone
  std::vector<Peer> peers;  // by rank, this one too
  std::string address;      // numeric address by which other ranks reach this one
};

// Returns when all ranks are here. The address is, in this order: `address`; the launcher's
// (torchrun, llmtrain --ranks); for ranks of one host a free port of the loopback device, which
// rank 0 writes into a note in the temporary directory (0600, named by user and job) and which is
// removed once all have come; for several hosts under srun the first host of the step and a port
// made from the job's number. Rank 0 serves the store, except where torchrun's agent does.
// Requires: launch.world_size > 1.
// Throws: ConfigError without a way to meet, saying which option gives one; DistError at the time
// limit, naming the ranks that did not come.
Rendezvous meet(const LaunchEnvironment& launch, const RendezvousOptions& options);

}  // namespace llm::dist
