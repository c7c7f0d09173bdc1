// Which ranks live: a thread for each rank that tells all others every second where it is, over
// connections of its own. When a rank is lost, every other one learns which, and why, before it
// notices that its collectives do not end.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "llm/dist/process_group.h"
#include "llm/dist/rendezvous.h"

namespace llm::dist {

// What ended a run: of several ranks that fail, the one that failed first.
struct FirstCause {
  enum class Kind {
    kGone,    // its connection closed, and it had not said why: killed, or crashed
    kSilent,  // its process says nothing: stopped, or its host or the network is gone
    kStuck,   // its process lives, but it does not come to a collective that others are in
    kFailed   // it said so itself, and tells the user itself
  };
  Kind kind = Kind::kGone;
  int rank = 0;
  std::vector<int> lost = {};  // ranks that cannot tell anybody, ascending
  std::string text;            // "rank 2 (node-b, process 4711) ended without a word"
  int exit_code = 1;           // what the processes of the run end with
  bool is_told_here = false;   // this rank is the one that tells the user
};

struct LastWords {
  std::string what;
  int exit_code = 1;
};

struct LivenessOptions {
  // After so long a rank that says nothing is lost, and so is one that others wait for within a
  // step (ProcessGroup::set_step) while no message of the operation moves. Outside of steps ranks
  // wait for each other as long as they live.
  std::chrono::milliseconds timeout = std::chrono::minutes(10);
  // From the news of a failure to end_process().
  std::chrono::milliseconds grace = std::chrono::seconds(30);
  // Asked about ten times a second: whether this process has to end although its work does not.
  std::function<std::optional<LastWords>()> must_leave = {};
  // Ends this process, from the liveness thread: after must_leave(), and where the run failed and
  // the group's user has not come to its end in time, because it hangs or computes.
  std::function<void(const FirstCause&)> end_process = {};
};

// Thread-safe. Of failures within 50 ms of each other the one of the lowest rank counts as first.
class Liveness {
 public:
  // Connects all ranks; a collective of `group`, whose operations have no time limit from here on.
  // When a rank is lost, the group fails with the first cause. Requires: the group outlives this;
  // another rank's group may end before. Throws: DistError.
  Liveness(const Rendezvous& rendezvous, ProcessGroup& group, LivenessOptions options = {});
  // Says farewell: that this rank ends is no failure.
  ~Liveness();

  // A further group of these ranks fails with them, too. Its operations have no time limit either,
  // also within steps. Requires: as for the first.
  void watch(ProcessGroup& group);

  // This rank failed by itself. Returns what failed first, which may be another rank.
  FirstCause announce(const LastWords& words);
  // Waits for news of a failure, at most `patience`.
  std::optional<FirstCause> first_cause(std::chrono::milliseconds patience) const;

 private:
  class Thread;
  std::unique_ptr<Thread> thread_;
};

}  // namespace llm::dist
