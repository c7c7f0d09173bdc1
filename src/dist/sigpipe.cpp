#include "dist/sigpipe.h"

#include <ctime>

namespace llm::dist {
namespace {

sigset_t only_sigpipe() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGPIPE);
  return signals;
}

}  // namespace

SigpipeBlock::SigpipeBlock() {
  const sigset_t signals = only_sigpipe();
  ::pthread_sigmask(SIG_BLOCK, &signals, &mask_before_);
}

SigpipeBlock::~SigpipeBlock() {
  if (sigismember(&mask_before_, SIGPIPE) != 0) return;
  // One that came meanwhile must not arrive now.
  const sigset_t signals = only_sigpipe();
  const timespec at_once{};
  while (::sigtimedwait(&signals, nullptr, &at_once) == SIGPIPE) {
  }
  ::pthread_sigmask(SIG_SETMASK, &mask_before_, nullptr);
}

}  // namespace llm::dist
