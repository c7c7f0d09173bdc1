#include "common/interrupt.h"

#include <array>
#include <csignal>
#include <cstddef>
#include <initializer_list>

namespace llm::apps {
namespace {

volatile std::sig_atomic_t first_signal = 0;

extern "C" void on_signal(int signal) {
  if (first_signal == 0) first_signal = signal;
}

// oneDNN's generated products use the stack pointer for their own workspace on the heap: a handler
// that ran there would write over what lies beneath it.
void give_handlers_a_stack() {
  alignas(16) static std::array<std::byte, 64 << 10> memory;
  stack_t stack{};
  stack.ss_sp = memory.data();
  stack.ss_size = memory.size();
  ::sigaltstack(&stack, nullptr);
}

}  // namespace

void catch_interrupts() {
  give_handlers_a_stack();
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESETHAND | SA_RESTART | SA_ONSTACK;
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
