// Ranks of one process: threads that meet over the loopback device, as the ranks of one host do.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "llm/dist/process_group.h"
#include "llm/dist/rendezvous.h"
#include "support/temp_directory.h"

namespace llm::test {

// body(group) on `world_size` threads. Throws: what the first rank that failed threw.
inline void run_ranks(int world_size,
                      const std::function<void(std::shared_ptr<dist::ProcessGroup>)>& body,
                      const dist::GroupOptions& group_options = {}) {
  if (world_size == 1) return body(dist::make_local_group());
  static std::atomic<int> launches{0};
  const TempDirectory notes;
  const std::string job = "threads-" + std::to_string(launches++);
  std::vector<std::exception_ptr> failures(static_cast<size_t>(world_size));
  {
    std::vector<std::jthread> ranks;
    for (int rank = 0; rank < world_size; ++rank) {
      ranks.emplace_back([&, rank] {
        try {
          const dist::LaunchEnvironment launch{.rank = rank,
                                               .world_size = world_size,
                                               .local_rank = rank,
                                               .local_world_size = world_size,
                                               .launcher = "threads",
                                               .job = job};
          const auto rendezvous = dist::meet(launch, {.note_directory = notes.path()});
          std::shared_ptr<dist::ProcessGroup> group =
              dist::make_process_group(rendezvous, group_options);
          group->barrier("connecting");
          body(group);
        } catch (...) {
          failures[static_cast<size_t>(rank)] = std::current_exception();
        }
      });
    }
  }
  for (const auto& failure : failures) {
    if (failure) std::rethrow_exception(failure);
  }
}

}  // namespace llm::test
