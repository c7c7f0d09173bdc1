#include "common/interrupt.h"

#include <csignal>
#include <initializer_list>

namespace llm::apps {
namespace {

volatile std::sig_atomic_t first_signal = 0;

extern "C" void on_signal(int signal) {
  if (first_signal == 0) first_signal = signal;
}

}  // namespace

void catch_interrupts() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESETHAND | SA_RESTART;
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction before {};
    ::sigaction(signal, nullptr, &before);
    // nohup and background jobs have them ignored, and mean it.
    if (before.sa_handler != SIG_IGN) ::sigaction(signal, &action, nullptr);
  }
}

bool interrupt_requested() { return first_signal != 0; }

int interrupt_signal() { return first_signal; }

void check_interrupt() {
  if (interrupt_requested()) throw Interrupted{};
}

}  // namespace llm::apps
