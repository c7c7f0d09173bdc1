// Characters typed at a terminal, and the signals that matter while somebody types.
#pragma once

#include <csignal>
#include <string>

#include "llm/chat/ctrl_c.h"

namespace llm::chat {

// While it lives, SIGTSTP, SIGCONT, SIGWINCH, SIGTERM and SIGHUP are noted instead of acted upon;
// then the old handling returns. Those that are ignored stay so. Requires: at most one at a time.
class TerminalSignals {
 public:
  // Throws: IoError when the system has no more file descriptors.
  TerminalSignals();
  ~TerminalSignals();
  TerminalSignals(const TerminalSignals&) = delete;
  TerminalSignals& operator=(const TerminalSignals&) = delete;

  int take();  // the oldest one noted, or 0
  int fd() const { return pipe_[0]; }
  // Lets the signal do what it does by default, then notes it again.
  static void act(int signal);

 private:
  static constexpr int kSignals[] = {SIGTSTP, SIGCONT, SIGWINCH, SIGTERM, SIGHUP};
  int pipe_[2] = {-1, -1};
  struct sigaction before_[std::size(kSignals)]{};
};

struct TerminalEvent {
  enum class Kind { kCharacter, kEnd, kInterrupt, kSignal };
  Kind kind = Kind::kEnd;
  wchar_t character = L'\0';
  int signal = 0;
};

// Standard input as characters. Bytes that are no UTF-8 are skipped. Requires: a UTF-8 LC_CTYPE.
class TerminalReader {
 public:
  explicit TerminalReader(CtrlC& ctrl_c) : ctrl_c_(ctrl_c) {}
  TerminalEvent next(TerminalSignals& signals);

 private:
  // A byte is ready in buffer_, or what happened instead.
  bool fill(TerminalSignals& signals, TerminalEvent& instead);

  CtrlC& ctrl_c_;
  std::string buffer_;
  size_t used_ = 0;
};

}  // namespace llm::chat
