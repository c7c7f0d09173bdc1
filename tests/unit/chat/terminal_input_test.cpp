// Oracle: what a person at a terminal expects, played through a pseudo terminal.
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <string>

#include "llm/chat/line_input.h"

namespace llm::chat {
namespace {

// The child: reports every line as KIND:TEXT on a pipe.
[[noreturn]] void report_lines(int pipe) {
  ::setenv("LC_ALL", "C", 1);
  CtrlC ctrl_c;
  const auto input = make_terminal_input("> ", ctrl_c);
  InputLine line;
  do {
    line = input->next();
    const std::string report = std::to_string(static_cast<int>(line.kind)) + ":" + line.text + "\n";
    if (::write(pipe, report.data(), report.size()) < 0) break;
  } while (line.kind != InputLine::Kind::kEnd);
  ::_exit(0);
}

class TerminalInputTest : public ::testing::Test {
 protected:
  void SetUp() override {
    int pipe[2];
    ASSERT_EQ(::pipe(pipe), 0);
    child_ = ::forkpty(&terminal_, nullptr, nullptr, nullptr);
    ASSERT_GE(child_, 0);
    if (child_ == 0) report_lines(pipe[1]);
    ::close(pipe[1]);
    reports_ = pipe[0];
  }
  void TearDown() override {
    ::close(terminal_);
    ::close(reports_);
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
  }

  // Between two lines the terminal itself edits, and differently.
  void wait_for_editor() {
    termios mode{};
    do {
      ::usleep(1000);
      ASSERT_EQ(::tcgetattr(terminal_, &mode), 0);
    } while ((mode.c_lflag & ICANON) != 0);
  }
  void type(const std::string& keys) {
    wait_for_editor();
    ASSERT_EQ(::write(terminal_, keys.data(), keys.size()), std::ssize(keys));
  }
  // The next report, or "" when none came for a minute.
  std::string report() {
    std::string out;
    // The terminal's side is read too, so that the child never waits for room; it ends first.
    pollfd files[] = {{reports_, POLLIN, 0}, {terminal_, POLLIN, 0}};
    while (!out.ends_with('\n')) {
      if (::poll(files, 2, 60000) <= 0) return out;
      char bytes[512];
      if (files[1].revents != 0 && ::read(terminal_, bytes, sizeof bytes) <= 0) files[1].fd = -1;
      if (files[0].revents == 0) continue;
      if (::read(reports_, bytes, 1) <= 0) return out;
      out += bytes[0];
    }
    out.pop_back();
    return out;
  }

  int terminal_ = -1, reports_ = -1;
  pid_t child_ = -1;
};

TEST_F(TerminalInputTest, EditsAndRemembersTextOfSeveralBytes) {
  type("한글x\x7f\x7f\n");
  EXPECT_EQ(report(), "0:한");
  type("two\n");
  EXPECT_EQ(report(), "0:two");
  type("\x1b[A\x1b[A\n");  // twice up
  EXPECT_EQ(report(), "0:한");
}

TEST_F(TerminalInputTest, SkipsBytesThatAreNoUtf8) {
  type("a\xed\x95z\xff!\n");  // a character cut off, and a byte that is never part of one
  EXPECT_EQ(report(), "0:az!");
}

TEST_F(TerminalInputTest, CtrlCDropsTheLineAndCtrlDEnds) {
  type("one\n");
  EXPECT_EQ(report(), "0:one");
  type("half a line");
  type("\x03");
  EXPECT_EQ(report(), "1:");
  type("two\n");
  EXPECT_EQ(report(), "0:two");
  type("\x04");
  EXPECT_EQ(report(), "2:");
}

}  // namespace
}  // namespace llm::chat
