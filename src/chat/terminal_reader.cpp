#include "chat/terminal_reader.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <cwchar>
#include <iterator>

#include "llm/core/check.h"
#include "llm/core/error.h"

namespace llm::chat {

namespace {

volatile std::sig_atomic_t terminal_signal_fd = -1;

extern "C" void note_terminal_signal(int signal) {
  const int saved = errno;
  const auto byte = static_cast<char>(signal);
  [[maybe_unused]] const ssize_t written = ::write(terminal_signal_fd, &byte, 1);
  errno = saved;
}

struct sigaction noting_action() {
  struct sigaction action {};
  action.sa_handler = note_terminal_signal;
  // Generated kernels borrow the stack pointer: on the stack that the program set aside, if it did.
  action.sa_flags = SA_RESTART | SA_ONSTACK;
  return action;
}

}  // namespace

TerminalSignals::TerminalSignals() {
  LLM_CHECK(terminal_signal_fd == -1, "one line is typed at a time");
  if (::pipe2(pipe_, O_NONBLOCK | O_CLOEXEC) != 0)
    throw core::IoError({"pipe", "a pipe for signals", std::strerror(errno), ""}, errno);
  terminal_signal_fd = pipe_[1];
  const struct sigaction action = noting_action();
  for (size_t i = 0; i < std::size(kSignals); ++i) {
    ::sigaction(kSignals[i], nullptr, &before_[i]);
    if (before_[i].sa_handler != SIG_IGN) ::sigaction(kSignals[i], &action, nullptr);
  }
}

TerminalSignals::~TerminalSignals() {
  for (size_t i = 0; i < std::size(kSignals); ++i) ::sigaction(kSignals[i], &before_[i], nullptr);
  terminal_signal_fd = -1;
  ::close(pipe_[0]);
  ::close(pipe_[1]);
}

int TerminalSignals::take() {
  char signal = 0;
  return ::read(pipe_[0], &signal, 1) == 1 ? signal : 0;
}

void TerminalSignals::act(int signal) {
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  ::sigaction(signal, &action, nullptr);
  ::raise(signal);
  action = noting_action();
  ::sigaction(signal, &action, nullptr);
}

bool TerminalReader::fill(TerminalSignals& signals, TerminalEvent& instead) {
  using Kind = TerminalEvent::Kind;
  if (used_ < buffer_.size()) return true;
  pollfd files[] = {
      {STDIN_FILENO, POLLIN, 0}, {ctrl_c_.fd(), POLLIN, 0}, {signals.fd(), POLLIN, 0}};
  while (::poll(files, std::size(files), -1) < 0)
    if (errno != EINTR) return false;
  if (files[2].revents != 0) {
    instead = {Kind::kSignal, L'\0', signals.take()};
    return false;
  }
  if (files[1].revents != 0 && ctrl_c_.take()) {
    instead = {Kind::kInterrupt};
    return false;
  }
  char bytes[4096];
  const ssize_t count = ::read(STDIN_FILENO, bytes, sizeof bytes);
  buffer_.assign(bytes, count > 0 ? static_cast<size_t>(count) : 0);
  used_ = 0;
  return count > 0;
}

TerminalEvent TerminalReader::next(TerminalSignals& signals) {
  constexpr auto kInvalid = static_cast<size_t>(-1);
  TerminalEvent event;
  std::mbstate_t state{};
  while (true) {
    if (!fill(signals, event)) return event;
    const char byte = buffer_[used_++];
    const bool begins = std::mbsinit(&state) != 0;
    wchar_t character = L'\0';
    size_t used = std::mbrtowc(&character, &byte, 1, &state);
    if (used == kInvalid) {
      state = {};
      // What cannot continue a character may begin one.
      if (!begins) used = std::mbrtowc(&character, &byte, 1, &state);
      if (used == kInvalid) state = {};
    }
    if (used <= 1) return {TerminalEvent::Kind::kCharacter, character, 0};
  }
}

}  // namespace llm::chat
