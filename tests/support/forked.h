// Bodies that run in a process of their own and may die there. Forking needs a process that has no
// threads yet: run_in_fresh_process starts this test program again with one disabled test.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <functional>
#include <string>

#include "support/shell.h"

namespace llm::test {

inline constexpr int kBodyFailed = 70;

// Starts it and returns at once. The process ends with 0 after the body, kBodyFailed after an
// exception or a failed expectation; nothing of the test's own is torn down there.
inline pid_t start_forked(const std::function<void()>& body) {
  std::fflush(nullptr);
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  int code = kBodyFailed;
  try {
    body();
    if (!testing::Test::HasFailure()) code = 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
  }
  std::fflush(nullptr);
  ::_exit(code);
}

// Its exit code, or 128 + the signal that ended it.
inline int wait_forked(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

inline int run_forked(const std::function<void()>& body) { return wait_forked(start_forked(body)); }

// While it lives, temporary folders are made in memory, where flushing costs nothing. Only for
// tests that do not depend on what the system does at a power cut.
class FoldersInMemory {
 public:
  FoldersInMemory() {
    if (const char* before = std::getenv("TMPDIR")) before_ = before;
    if (std::filesystem::is_directory("/dev/shm")) ::setenv("TMPDIR", "/dev/shm", 1);
  }
  ~FoldersInMemory() {
    before_.empty() ? ::unsetenv("TMPDIR") : ::setenv("TMPDIR", before_.c_str(), 1);
  }
  FoldersInMemory(const FoldersInMemory&) = delete;
  FoldersInMemory& operator=(const FoldersInMemory&) = delete;

 private:
  std::string before_;
};

// Runs one test of this program, which is named with DISABLED_, alone in a new process.
inline Outcome run_in_fresh_process(const std::filesystem::path& directory,
                                    const std::string& test) {
  const FoldersInMemory in_memory;
  const std::string program = std::filesystem::read_symlink("/proc/self/exe").string();
  return run_shell(directory, fmt::format("OMP_NUM_THREADS=1 '{}' --gtest_also_run_disabled_tests "
                                          "--gtest_brief=1 --gtest_filter='{}'",
                                          program, test));
}

}  // namespace llm::test
