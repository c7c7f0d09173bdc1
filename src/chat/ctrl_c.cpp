#include "llm/chat/ctrl_c.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "llm/core/check.h"
#include "llm/core/error.h"

namespace llm::chat {

namespace {

volatile std::sig_atomic_t write_fd = -1;

extern "C" void on_ctrl_c(int) {
  const int saved = errno;
  // A full pipe has news enough.
  [[maybe_unused]] const ssize_t written = ::write(write_fd, "c", 1);
  errno = saved;
}

}  // namespace

CtrlC::CtrlC() {
  LLM_CHECK(write_fd == -1, "one CtrlC at a time");
  if (::pipe2(pipe_, O_NONBLOCK | O_CLOEXEC) != 0) {
    throw core::IoError({"pipe", "a pipe for Ctrl-C", std::strerror(errno), ""}, errno);
  }
  write_fd = pipe_[1];
  struct sigaction action {};
  action.sa_handler = on_ctrl_c;
  // Generated kernels borrow the stack pointer: on the stack that the program set aside, if it did.
  action.sa_flags = SA_RESTART | SA_ONSTACK;
  ::sigaction(SIGINT, &action, &before_);
}

CtrlC::~CtrlC() {
  ::sigaction(SIGINT, &before_, nullptr);
  write_fd = -1;
  ::close(pipe_[0]);
  ::close(pipe_[1]);
}

bool CtrlC::take() {
  char presses[64];
  bool pressed = false;
  while (::read(pipe_[0], presses, sizeof presses) > 0) pressed = true;
  return pressed;
}

}  // namespace llm::chat
