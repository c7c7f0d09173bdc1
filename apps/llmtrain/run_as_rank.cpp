#include <fmt/format.h>

#include <csignal>
#include <mutex>
#include <optional>

#include "common/errors.h"
#include "common/interrupt.h"
#include "common/torch_errors.h"
#include "llm/core/error.h"
#include "llmtrain/ranks.h"

namespace llm::apps {
namespace {

using Clock = std::chrono::steady_clock;

// For a rank that fails to say why; others know of it already.
constexpr std::chrono::seconds kNewsTime{5};

enum class Failure { kOwn, kOfGroup, kOfPeer };

Failure kind_of_current_exception() {
  try {
    throw;
  } catch (const core::PeerError&) {
    return Failure::kOfPeer;
  } catch (const core::DistError&) {
    return Failure::kOfGroup;
  } catch (...) {
    return Failure::kOwn;
  }
}

std::optional<dist::FirstCause> cause_of(Failure failure, dist::Liveness& liveness,
                                         const DescribedError& error) {
  if (failure == Failure::kOfPeer) return liveness.first_cause(kNewsTime);
  if (failure == Failure::kOfGroup) {
    // Its news came before its operations failed, if it was news.
    if (const auto cause = liveness.first_cause(std::chrono::seconds(0))) return cause;
  }
  return liveness.announce({error.message, error.exit_code});
}

// Requires: called while an exception is handled.
[[noreturn]] void leave_with_others(dist::Liveness& liveness, int rank, bool json) {
  const Failure failure = kind_of_current_exception();
  const ErrorReporter reporter{fmt::format("llmtrain [rank {}]", rank), json,
                               translate_torch_error};
  const DescribedError error = reporter.describe_current_exception();
  const auto cause = cause_of(failure, liveness, error);
  const bool is_told = !cause || cause->is_told_here;
  // Several ranks may have trouble of their own at once, and not the same.
  const bool is_another =
      failure == Failure::kOwn && cause && !cause->text.ends_with(error.message);
  if (!is_told && !is_another) throw AlreadyTold{cause->exit_code};
  const bool is_interrupted = error.exit_code == kExitInterrupted;
  if (rank == 0 || failure != Failure::kOwn || is_interrupted) throw;
  throw AlreadyTold{reporter.report(error)};
}

// Leaves after half the grace when no step has ended until then.
class SigtermWatch {
 public:
  SigtermWatch(std::shared_ptr<dist::ProcessGroup> group, std::chrono::milliseconds grace)
      : group_(std::move(group)), limit_(grace / 2) {}

  std::optional<dist::LastWords> operator()() {
    const bool is_in_step = group_->position().step > 0;
    has_stepped_ |= is_in_step;
    if (interrupt_signal() != SIGTERM) return {};
    if (!since_) since_ = Clock::now();
    // After its steps a rank saves what it has, and no longer has to hurry.
    const bool is_saving = has_stepped_ && !is_in_step;
    if (is_saving || Clock::now() - *since_ < limit_) return {};
    return dist::LastWords{
        fmt::format("SIGTERM came, and its step did not end within {} s (half of "
                    "dist.grace_seconds): nothing is saved; the same command goes on from the "
                    "newest checkpoint",
                    std::chrono::duration<double>(limit_).count()),
        kExitTerminated};
  }

 private:
  std::shared_ptr<dist::ProcessGroup> group_;
  std::chrono::milliseconds limit_;
  std::optional<Clock::time_point> since_;
  bool has_stepped_ = false;
};

}  // namespace

void run_as_rank(dist::Liveness& liveness, int rank, bool json,
                 const std::function<void()>& train) {
  try {
    train();
  } catch (...) {
    leave_with_others(liveness, rank, json);
  }
}

std::function<std::optional<dist::LastWords>()> sigterm_watch(
    const std::shared_ptr<dist::ProcessGroup>& group, std::chrono::milliseconds grace) {
  return SigtermWatch(group, grace);
}

}  // namespace llm::apps
