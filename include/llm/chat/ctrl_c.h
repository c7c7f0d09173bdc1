// Ctrl-C as an event instead of the program's end.
#pragma once

#include <csignal>

namespace llm::chat {

// While it lives, SIGINT is noted instead of ending the process, whichever thread receives it; then
// the old handling returns. Requires: at most one at a time.
class CtrlC {
 public:
  // Throws: IoError when the system has no more file descriptors.
  CtrlC();
  ~CtrlC();
  CtrlC(const CtrlC&) = delete;
  CtrlC& operator=(const CtrlC&) = delete;

  // Whether it was pressed since the last call.
  bool take();
  // Readable when it was pressed: for poll(2) beside other input, so that no press is lost between
  // a check and a wait.
  int fd() const { return pipe_[0]; }

 private:
  int pipe_[2] = {-1, -1};
  struct sigaction before_ {};
};

}  // namespace llm::chat
