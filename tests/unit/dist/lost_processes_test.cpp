// Oracle: ranks as processes that are killed or stopped: every survivor names the first cause, with
// its process, and one of them is the one to tell.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>

#include <csignal>
#include <cstdlib>
#include <fstream>

#include "llm/dist/liveness.h"
#include "llm/dist/start_up.h"
#include "support/ranks.h"

extern char** environ;

namespace llm::dist {
namespace {

using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// What a child is given.
constexpr const char* kFolder = "LIVENESS_TEST_FOLDER";
constexpr const char* kTimeout = "LIVENESS_TEST_TIMEOUT_MS";

void write_text(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path.string() + ".part") << text;
  std::filesystem::rename(path.string() + ".part", path);
}

// One rank: works in steps until it fails, and leaves word of how.
void run_child(const std::filesystem::path& folder) {
  const LaunchEnvironment launch = read_launch_environment();
  const Rendezvous rendezvous = meet(launch, {.note_directory = folder});
  const auto group = make_process_group(rendezvous, {});
  const milliseconds timeout(std::atoi(std::getenv(kTimeout)));
  Liveness liveness(rendezvous, *group, {.timeout = timeout});
  std::string error;
  try {
    for (int64_t step = 1;; ++step) {
      group->set_step(step);
      group->barrier("start");
      if (step == 3) write_text(folder / fmt::format("ready-{}", launch.rank), "");
    }
  } catch (const core::DistError& caught) {
    error = caught.what();
  }
  const auto cause = liveness.first_cause(std::chrono::minutes(5));
  const std::string teller = cause && cause->is_told_here ? "told here: " : "told elsewhere: ";
  write_text(folder / fmt::format("end-{}", launch.rank), teller + error);
}

// Not a test: what the tests below start as processes.
TEST(LostProcesses, DISABLED_OneRank) {
  if (std::getenv(kFolder) != nullptr) run_child(std::getenv(kFolder));
}

// The processes of one launch.
class Ranks {
 public:
  Ranks(int count, milliseconds timeout) {
    for (int rank = 0; rank < count; ++rank) children_.push_back({spawn(rank, count, timeout)});
    for (int rank = 0; rank < count; ++rank) {
      while (!std::filesystem::exists(folder_ / fmt::format("ready-{}", rank))) {
        std::this_thread::sleep_for(milliseconds(5));
      }
    }
  }
  ~Ranks() {
    for (Child& child : children_) {
      if (child.has_ended) continue;
      ::kill(child.pid, SIGKILL);
      ::waitpid(child.pid, nullptr, 0);
    }
  }
  Ranks(const Ranks&) = delete;
  Ranks& operator=(const Ranks&) = delete;

  void send(int rank, int signal) { ::kill(child(rank).pid, signal); }
  // What a rank leaves that ends by itself.
  std::string end_of(int rank) {
    int status = -1;
    ::waitpid(child(rank).pid, &status, 0);
    child(rank).has_ended = true;
    EXPECT_EQ(status, 0);
    return test::read_bytes(folder_ / fmt::format("end-{}", rank));
  }
  std::string name(int rank) {
    return fmt::format("rank {} ({}, process {})", rank, host_name(), child(rank).pid);
  }

 private:
  struct Child {
    pid_t pid = 0;
    bool has_ended = false;
  };
  Child& child(int rank) { return children_[static_cast<size_t>(rank)]; }

  pid_t spawn(int rank, int count, milliseconds timeout) const {
    std::vector<std::string> variables{fmt::format("{}={}", kFolder, folder_.path().string()),
                                       fmt::format("{}={}", kTimeout, timeout.count()),
                                       fmt::format("LLMTRAIN_RANK={}", rank),
                                       fmt::format("LLMTRAIN_WORLD_SIZE={}", count),
                                       fmt::format("LLMTRAIN_LOCAL_RANK={}", rank),
                                       fmt::format("LLMTRAIN_LOCAL_WORLD_SIZE={}", count),
                                       "LLMTRAIN_JOB=" + job_};
    std::vector<std::string> arguments{"rank", "--gtest_filter=LostProcesses.DISABLED_OneRank",
                                       "--gtest_also_run_disabled_tests", "--gtest_brief=1"};
    std::vector<char*> argv, envp;
    for (std::string& text : arguments) argv.push_back(text.data());
    for (std::string& text : variables) envp.push_back(text.data());
    for (char** one = environ; *one != nullptr; ++one) envp.push_back(*one);
    argv.push_back(nullptr);
    envp.push_back(nullptr);
    pid_t pid = 0;
    EXPECT_EQ(::posix_spawn(&pid, "/proc/self/exe", nullptr, nullptr, argv.data(), envp.data()), 0);
    return pid;
  }

  test::TempDirectory folder_;
  std::string job_ = test::fresh_job();
  std::vector<Child> children_;
};

constexpr milliseconds kLong = std::chrono::minutes(10);

TEST(LostProcesses, AKilledRankIsNamedAlsoWhenItIsRank0) {
  for (const int killed : {0, 1}) {
    Ranks ranks(3, kLong);
    ranks.send(killed, SIGKILL);
    const auto is_cause = AllOf(HasSubstr("barrier of start, step "),
                                HasSubstr("got " + ranks.name(killed) + " ended without a word"));
    const int first = killed == 0 ? 1 : 0;
    EXPECT_THAT(ranks.end_of(first), AllOf(StartsWith("told here: "), is_cause));
    EXPECT_THAT(ranks.end_of(2), AllOf(StartsWith("told elsewhere: "), is_cause));
  }
}

// It is alive for the system, and its connections stay open.
TEST(LostProcesses, AStoppedProcessIsNamed) {
  Ranks ranks(3, milliseconds(2000));
  ranks.send(1, SIGSTOP);
  for (const int rank : {0, 2}) {
    EXPECT_THAT(ranks.end_of(rank),
                AllOf(StartsWith(rank == 0 ? "told here: " : "told elsewhere: "),
                      HasSubstr("got " + ranks.name(1) + " has been silent for")));
  }
  ranks.send(1, SIGCONT);
  EXPECT_THAT(ranks.end_of(1), HasSubstr("got " + ranks.name(1) + " has been silent for"));
}

// Which of the two, the system's order of ending them decides.
TEST(LostProcesses, OfTwoKilledTogetherAllSurvivorsNameTheSame) {
  Ranks ranks(4, kLong);
  const std::string end = " ended without a word";
  ranks.send(2, SIGKILL);
  ranks.send(0, SIGKILL);
  const std::string told = ranks.end_of(1), silent = ranks.end_of(3);
  EXPECT_THAT(told, StartsWith("told here: "));
  EXPECT_THAT(silent, StartsWith("told elsewhere: "));
  for (const int killed : {0, 2}) {
    const std::string cause = "got " + ranks.name(killed) + end;
    EXPECT_EQ(told.find(cause) == std::string::npos, silent.find(cause) == std::string::npos);
  }
  EXPECT_THAT(told, HasSubstr(end));
}

}  // namespace
}  // namespace llm::dist
