// A terminal that does not show what is typed.
#pragma once

namespace llm::chat {

// While it lives, the terminal at standard input shows nothing of what is typed, so that it does
// not get into a reply; it is kept for the next line. Ctrl-C and Ctrl-Z work. Signals that end or
// stop the process restore the terminal before. Without a terminal nothing happens. Requires: at
// most one at a time.
class TerminalSilence {
 public:
  TerminalSilence();
  ~TerminalSilence();
  TerminalSilence(const TerminalSilence&) = delete;
  TerminalSilence& operator=(const TerminalSilence&) = delete;

 private:
  bool is_on_ = false;
};

}  // namespace llm::chat
