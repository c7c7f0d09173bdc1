// The processes of a launch on this machine.
#pragma once

#include <sys/types.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace llm::apps {

// How often the ranks have been started before, and whether they go on from the run's newest
// checkpoint whatever the command says.
struct Start {
  int number = 0;
  bool resumes = false;
  int output = STDOUT_FILENO;  // of the ranks
};

struct LaunchEnd {
  int exit_code = 0;
  std::string cause;  // "rank 2 was killed by signal 9 (Killed)"
  bool is_interrupted = false;
};

// The ranks while they run. Signals to this process go to all of them.
class RankProcesses {
 public:
  // Throws: IoError.
  RankProcesses(int count, std::chrono::seconds grace, const Start& start);
  ~RankProcesses();
  RankProcesses(const RankProcesses&) = delete;
  RankProcesses& operator=(const RankProcesses&) = delete;

  // Returns when all have ended. The exit code is 0, or why it failed: of the first rank that was
  // killed; else of rank 0, which fails with the others and knows best; else of the first that
  // failed.
  LaunchEnd wait();

 private:
  struct RankProcess {
    pid_t pid = 0;
    std::optional<int> status = {};  // of waitpid()
  };

  int num_running() const;
  void send(int signal);
  void wait_for_signal(int64_t milliseconds);
  void set_deadline();
  void collect();
  void end_all();

  std::chrono::seconds grace_;
  sigset_t signals_{};
  sigset_t mask_before_{};
  int events_ = -1;
  std::vector<RankProcess> ranks_;
  std::optional<int> first_failure_;  // a status, as RankProcess::status
  std::string cause_;
  std::optional<std::chrono::steady_clock::time_point> deadline_;
  bool is_interrupted_ = false;
};

}  // namespace llm::apps
