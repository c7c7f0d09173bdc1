// Ranks as threads of this process, each with a group and a liveness of its own.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>

#include "llm/dist/liveness.h"
#include "support/ranks.h"

namespace llm::test {

struct LiveRank {
  int rank = 0;
  std::unique_ptr<dist::ProcessGroup> group;
  std::unique_ptr<dist::Liveness> liveness;
};

using OptionsOfRank = std::function<dist::LivenessOptions(int rank)>;

inline Errors run_live_ranks(
    int world_size, const std::function<void(LiveRank&)>& body,
    const OptionsOfRank& options = [](int) { return dist::LivenessOptions{}; },
    const dist::GroupOptions& group_options = {}) {
  const TempDirectory notes;
  const std::string job = fresh_job();
  return on_threads(world_size, [&](int rank) {
    const dist::Rendezvous rendezvous =
        dist::meet(local_rank(rank, world_size, job), {.note_directory = notes.path()});
    LiveRank live{.rank = rank, .group = dist::make_process_group(rendezvous, group_options)};
    live.liveness = std::make_unique<dist::Liveness>(rendezvous, *live.group, options(rank));
    live.group->barrier("start");
    body(live);
  });
}

// Lets threads pass once so many have come.
class Gate {
 public:
  explicit Gate(int count) : count_(count) {}
  void arrive_and_wait() {
    std::unique_lock lock(mutex_);
    if (--count_ == 0) opened_.notify_all();
    opened_.wait(lock, [&] { return count_ <= 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable opened_;
  int count_;
};

}  // namespace llm::test
