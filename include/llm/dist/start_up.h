// What ranks tell each other before they work together, and what they refuse to start with.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "llm/dist/launch.h"
#include "llm/dist/process_group.h"

namespace llm::dist {

// This machine's name; "unknown host" where the system gives none.
std::string host_name();

// One row of the start-up table. Fingerprints are any text that is equal where things are equal.
struct RankInfo {
  int rank = 0;
  std::string host;
  int64_t pid = 0;
  int local_rank = 0;
  std::string device;  // "cpu", "cuda:1 NVIDIA H200"
  int num_threads = 0;
  std::string version;  // of the program
  std::string binary;   // fingerprint of its file
  std::string config;
  std::string tokenizer;

  // "rank 2 (node-b)"
  std::string name() const;
};

// Everybody's row, by rank. A collective.
std::vector<RankInfo> gather_rank_infos(ProcessGroup& group, const RankInfo& own);

// Throws: DistError where version, binary, config or tokenizer differ: the ranks that differ from
// the largest group of equal ranks (the one with the lowest rank when two are as large), with both
// values. The same on every rank.
void require_equal(const std::vector<RankInfo>& infos);

// The cores that a process may run on, by number.
using CoreMask = std::vector<int>;  // ascending
CoreMask own_core_mask();

struct ThreadShare {
  int num_threads = 1;
  std::string note;  // for the log; empty when all is well
};
// Cores in this rank's mask / ranks of this host whose masks share a core with it, at least 1.
ThreadShare thread_share(const std::vector<CoreMask>& masks_of_host, int index);
// The same for this rank, with the masks of all ranks gathered. A collective.
ThreadShare default_num_threads(ProcessGroup& group);

// Every rank has to see what rank 0 writes into `directory`: a small file of random name, removed
// again. A collective. Rank 0's directory has to exist; others wait for the file up to `patience`
// (network file systems show news late).
// Throws: DistError naming the ranks that do not see it, on every rank.
void require_shared_folder(ProcessGroup& group, const std::filesystem::path& directory,
                           std::chrono::milliseconds patience = std::chrono::seconds(10));

}  // namespace llm::dist
