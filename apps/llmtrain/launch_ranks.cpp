#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/errors.h"
#include "common/interrupt.h"
#include "common/output.h"
#include "llm/core/log.h"
#include "llm/io/file.h"
#include "llmtrain/rank_processes.h"
#include "llmtrain/ranks.h"

namespace llm::apps {
namespace {

// What ranks print, kept until it is known to be the last word.
class KeptOutput {
 public:
  explicit KeptOutput(bool keeps) : fd_(keeps ? ::memfd_create("stdout", MFD_CLOEXEC) : -1) {}
  ~KeptOutput() {
    if (fd_ >= 0) ::close(fd_);
  }
  KeptOutput(const KeptOutput&) = delete;
  KeptOutput& operator=(const KeptOutput&) = delete;

  int fd() const { return fd_ >= 0 ? fd_ : STDOUT_FILENO; }
  void forget() {
    if (fd_ >= 0 && ::ftruncate(fd_, 0) == 0) ::lseek(fd_, 0, SEEK_SET);
  }
  void print() const {
    if (fd_ >= 0) write_output(io::read_file(fmt::format("/proc/self/fd/{}", fd_)));
  }

 private:
  int fd_;
};

// A wrong command, wrong data or a full disk would only fail again.
bool may_pass(const LaunchEnd& end) {
  for (const int code : {kExitUsage, kExitData, kExitInterrupted, kExitTerminated}) {
    if (end.exit_code == code) return false;
  }
  return !end.is_interrupted && !interrupt_requested();
}

// Whether the ranks are to be started again. Tells the user.
bool starts_again(const LaunchPlan& plan, const LaunchEnd& end, int number) {
  if (plan.restarts == 0 || !may_pass(end)) return false;
  if (number == plan.restarts) {
    core::log_error("{}: the ranks were started again {} time(s), as --restart-on-failure says",
                    end.cause, plan.restarts);
    return false;
  }
  core::log_warn("{}: starting all ranks again, {} of {} time(s)", end.cause, number + 1,
                 plan.restarts);
  return true;
}

}  // namespace

void launch_ranks(const LaunchPlan& plan) {
  const std::string first_checkpoint = plan.newest_checkpoint();
  KeptOutput output(plan.is_json && plan.restarts > 0);
  for (Start start{.output = output.fd()};; ++start.number) {
    const LaunchEnd end = RankProcesses(plan.count, plan.grace, start).wait();
    if (end.exit_code != 0 && starts_again(plan, end, start.number)) {
      start.resumes = plan.newest_checkpoint() != first_checkpoint;
      output.forget();
      continue;
    }
    output.print();
    if (end.exit_code != 0) throw AlreadyTold{end.exit_code};
    return;
  }
}

}  // namespace llm::apps
