// Ranks as threads of this process, each with a group of its own over one store.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "llm/core/error.h"
#include "llm/dist/process_group.h"
#include "support/temp_directory.h"

namespace llm::test {

inline dist::LaunchEnvironment local_rank(int rank, int world_size, const std::string& job) {
  dist::LaunchEnvironment launch;
  launch.rank = launch.local_rank = rank;
  launch.world_size = launch.local_world_size = world_size;
  launch.job = job;
  return launch;
}

// A name that no other launch has.
inline std::string fresh_job() {
  static std::atomic<int> count{0};
  return fmt::format("test-{}-{}", ::getpid(), count++);
}

using Errors = std::vector<std::string>;  // by rank; "" where there was none

// Runs body(rank) on a thread for each rank.
inline Errors on_threads(int num_ranks, const std::function<void(int)>& body) {
  Errors errors(static_cast<size_t>(num_ranks));
  std::vector<std::thread> threads;
  for (int rank = 0; rank < num_ranks; ++rank) {
    threads.emplace_back([&, rank] {
      try {
        body(rank);
      } catch (const core::DistError& error) {
        errors[static_cast<size_t>(rank)] = error.what();
      } catch (const std::exception& error) {
        errors[static_cast<size_t>(rank)] = std::string("another exception: ") + error.what();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  return errors;
}

// Runs body(group, rank) on every rank. The body may take the group away.
inline Errors run_ranks(
    int world_size, const std::function<void(std::unique_ptr<dist::ProcessGroup>&, int rank)>& body,
    const dist::GroupOptions& options = {}) {
  const TempDirectory notes;
  const std::string job = fresh_job();
  return on_threads(world_size, [&](int rank) {
    auto group = world_size == 1
                     ? dist::make_local_group()
                     : dist::make_process_group(dist::meet(local_rank(rank, world_size, job),
                                                           {.note_directory = notes.path()}),
                                                options);
    body(group, rank);
  });
}

// body(group) on every rank. Throws: what the first rank that failed threw.
inline void train_on_ranks(int world_size,
                           const std::function<void(std::shared_ptr<dist::ProcessGroup>)>& body) {
  std::vector<std::exception_ptr> failures(static_cast<size_t>(world_size));
  const Errors unconnected = run_ranks(world_size, [&](auto& group, int rank) {
    try {
      body(std::move(group));
    } catch (...) {
      failures[static_cast<size_t>(rank)] = std::current_exception();
    }
  });
  for (const auto& failure : failures) {
    if (failure) std::rethrow_exception(failure);
  }
  for (const std::string& error : unconnected) EXPECT_EQ(error, "");
}

inline Errors no_errors(int world_size) { return Errors(static_cast<size_t>(world_size)); }

}  // namespace llm::test
