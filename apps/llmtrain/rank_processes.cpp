#include "llmtrain/rank_processes.h"

#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include <filesystem>
#include <system_error>

#include "llm/core/error.h"
#include "llm/core/log.h"
#include "llm/io/file.h"

extern char** environ;

namespace llm::apps {
namespace {

using Clock = std::chrono::steady_clock;

std::vector<std::string> own_arguments() {
  std::vector<std::string> arguments;
  const std::string line = io::read_file("/proc/self/cmdline");
  for (size_t begin = 0; begin < line.size();) {
    const size_t end = line.find('\0', begin);
    arguments.push_back(line.substr(begin, end - begin));
    begin = end + 1;
  }
  return arguments;
}

std::vector<std::string> environment_of(int rank, int count, const Start& start) {
  std::vector<std::string> variables;
  for (char** variable = environ; *variable != nullptr; ++variable)
    variables.emplace_back(*variable);
  const auto set = [&](const char* name, const std::string& value) {
    variables.push_back(fmt::format("{}={}", name, value));
  };
  set("LLMTRAIN_RANK", std::to_string(rank));
  set("LLMTRAIN_WORLD_SIZE", std::to_string(count));
  set("LLMTRAIN_LOCAL_RANK", std::to_string(rank));
  set("LLMTRAIN_LOCAL_WORLD_SIZE", std::to_string(count));
  set("LLMTRAIN_JOB", std::to_string(::getpid()));
  set("LLMTRAIN_RESTART", std::to_string(start.number));
  if (start.resumes) set("LLMTRAIN_RESUME", "auto");
  return variables;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (std::string& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

// In a process group of its own: a Ctrl-C of the terminal reaches this process alone, which passes
// on exactly one signal.
pid_t spawn_rank(int rank, int count, const Start& start) {
  std::vector<std::string> arguments = own_arguments();
  std::vector<std::string> variables = environment_of(rank, count, start);
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setpgroup(&attributes, 0);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
  posix_spawn_file_actions_t files;
  ::posix_spawn_file_actions_init(&files);
  ::posix_spawn_file_actions_adddup2(&files, start.output, STDOUT_FILENO);
  pid_t pid = 0;
  const int error = ::posix_spawn(&pid, "/proc/self/exe", &files, &attributes,
                                  pointers(arguments).data(), pointers(variables).data());
  ::posix_spawn_file_actions_destroy(&files);
  ::posix_spawnattr_destroy(&attributes);
  if (error != 0) {
    throw core::IoError({fmt::format("rank {}", rank), "a new process",
                         std::generic_category().message(error), "Start fewer ranks"},
                        error);
  }
  return pid;
}

std::string describe_status(int status) {
  return WIFSIGNALED(status) ? fmt::format("was killed by signal {} ({})", WTERMSIG(status),
                                           ::strsignal(WTERMSIG(status)))
                             : fmt::format("ended with exit code {}", WEXITSTATUS(status));
}

int exit_code_of(int status) {
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

RankProcesses::RankProcesses(int count, std::chrono::seconds grace, const Start& start)
    : grace_(grace) {
  sigemptyset(&signals_);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGCHLD}) sigaddset(&signals_, signal);
  ::sigprocmask(SIG_BLOCK, &signals_, &mask_before_);
  events_ = ::signalfd(-1, &signals_, SFD_CLOEXEC);
  for (int rank = 0; rank < count; ++rank) {
    try {
      ranks_.push_back({spawn_rank(rank, count, start)});
    } catch (...) {
      end_all();
      throw;
    }
  }
}

RankProcesses::~RankProcesses() {
  ::close(events_);
  ::sigprocmask(SIG_SETMASK, &mask_before_, nullptr);
}

LaunchEnd RankProcesses::wait() {
  while (num_running() > 0) {
    const auto left = deadline_ ? *deadline_ - Clock::now() : Clock::duration::max();
    if (left <= Clock::duration::zero()) {
      end_all();
      break;
    }
    wait_for_signal(deadline_ ? std::chrono::ceil<std::chrono::milliseconds>(left).count() : -1);
    collect();
  }
  const int first = first_failure_.value_or(0);
  const int leader = ranks_.front().status.value_or(0);
  const bool is_leaders = !WIFSIGNALED(first) && !WIFSIGNALED(leader) && leader != 0;
  return {exit_code_of(is_leaders ? leader : first), cause_, is_interrupted_};
}

int RankProcesses::num_running() const {
  int running = 0;
  for (const RankProcess& rank : ranks_) running += rank.status ? 0 : 1;
  return running;
}

void RankProcesses::send(int signal) {
  for (const RankProcess& rank : ranks_) {
    if (!rank.status) ::kill(rank.pid, signal);
  }
}

void RankProcesses::wait_for_signal(int64_t milliseconds) {
  pollfd event{.fd = events_, .events = POLLIN, .revents = 0};
  if (::poll(&event, 1, static_cast<int>(milliseconds)) <= 0) return;
  signalfd_siginfo info{};
  if (::read(events_, &info, sizeof info) != sizeof info) return;
  if (info.ssi_signo == SIGCHLD) return;
  is_interrupted_ = true;
  send(static_cast<int>(info.ssi_signo));
  // A person who presses Ctrl-C can do so again; what sends SIGTERM goes on to SIGKILL.
  if (info.ssi_signo == SIGTERM) set_deadline();
}

void RankProcesses::set_deadline() {
  if (!deadline_) deadline_ = Clock::now() + grace_;
}

void RankProcesses::collect() {
  for (size_t i = 0; i < ranks_.size(); ++i) {
    int status = 0;
    if (ranks_[i].status || ::waitpid(ranks_[i].pid, &status, WNOHANG) != ranks_[i].pid) continue;
    ranks_[i].status = status;
    if (status == 0 || first_failure_) continue;
    first_failure_ = status;
    cause_ = fmt::format("rank {} {}", i, describe_status(status));
    set_deadline();
    if (WIFSIGNALED(status)) core::log_error("{}", cause_);
  }
}

void RankProcesses::end_all() {
  core::log_warn("ending the {} rank(s) that still run", num_running());
  send(SIGKILL);
  for (RankProcess& rank : ranks_) {
    int status = 0;
    if (!rank.status && ::waitpid(rank.pid, &status, 0) == rank.pid) rank.status = status;
  }
}

}  // namespace llm::apps
