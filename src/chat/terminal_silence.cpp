#include "chat/terminal_silence.h"

#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace llm::chat {

namespace {

constexpr int kFatalOrStopping[] = {SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};

// For the signal handler; written while none of its signals can arrive there.
termios shown_mode, silent_mode;

extern "C" void restore_terminal_and_act(int signal);

struct sigaction silence_action() {
  struct sigaction action {};
  action.sa_handler = restore_terminal_and_act;
  action.sa_flags = SA_NODEFER | SA_RESTART;  // the signal acts within its handler
  return action;
}

extern "C" void restore_terminal_and_act(int signal) {
  const int saved = errno;
  ::tcsetattr(STDIN_FILENO, TCSANOW, &shown_mode);
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  ::sigaction(signal, &action, nullptr);
  ::raise(signal);
  // Only a stop ends, and then somebody waits for the reply again.
  ::tcsetattr(STDIN_FILENO, TCSANOW, &silent_mode);
  action = silence_action();
  ::sigaction(signal, &action, nullptr);
  errno = saved;
}

void handle_default_ones(const struct sigaction& before, const struct sigaction& after) {
  for (const int signal : kFatalOrStopping) {
    struct sigaction now {};
    ::sigaction(signal, nullptr, &now);
    if (now.sa_handler == before.sa_handler) ::sigaction(signal, &after, nullptr);
  }
}

struct sigaction default_action() {
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  return action;
}

}  // namespace

TerminalSilence::TerminalSilence() {
  if (::tcgetattr(STDIN_FILENO, &shown_mode) != 0) return;
  silent_mode = shown_mode;
  // Line editing of its own would take a Ctrl-D that is typed ahead for the end of nothing.
  silent_mode.c_lflag &= ~static_cast<tcflag_t>(ECHO | ECHONL | ICANON);
  silent_mode.c_cc[VMIN] = 1;
  silent_mode.c_cc[VTIME] = 0;
  handle_default_ones(default_action(), silence_action());
  is_on_ = ::tcsetattr(STDIN_FILENO, TCSADRAIN, &silent_mode) == 0;
}

TerminalSilence::~TerminalSilence() {
  if (is_on_) ::tcsetattr(STDIN_FILENO, TCSADRAIN, &shown_mode);
  handle_default_ones(silence_action(), default_action());
}

}  // namespace llm::chat
