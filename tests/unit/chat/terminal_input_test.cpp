// Oracle: what a person at a terminal expects, played through a pseudo terminal.
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <string>

#include "llm/chat/line_input.h"
#include "support/temp_directory.h"

namespace llm::chat {
namespace {

Completion complete_fruit(std::string_view before) {
  std::vector<std::string> words = {"/apple", "/apricot", "/berry"};
  std::erase_if(words, [&](const std::string& word) { return !word.starts_with(before); });
  return {0, words};
}

// The child: reports every line as KIND:TEXT on a pipe, newlines in it as '|'.
[[noreturn]] void report_lines(int pipe, const std::filesystem::path& history) {
  ::setenv("LC_ALL", "C", 1);
  ::setenv("TERM", "xterm", 1);
  CtrlC ctrl_c;
  const auto input =
      make_terminal_input({.history_file = history, .completer = complete_fruit}, ctrl_c);
  InputLine line;
  do {
    line = input->next();
    if (line.kind == InputLine::Kind::kText) input->remember(line.text);
    std::ranges::replace(line.text, '\n', '|');
    const std::string report = std::to_string(static_cast<int>(line.kind)) + ":" + line.text + "\n";
    if (::write(pipe, report.data(), report.size()) < 0) break;
    if (line.text == "reply for ever") ::pause();
  } while (line.kind != InputLine::Kind::kEnd);
  ::_exit(0);
}

class TerminalInputTest : public ::testing::Test {
 protected:
  void SetUp() override { start(); }
  void start() {
    int pipe[2];
    ASSERT_EQ(::pipe(pipe), 0);
    child_ = ::forkpty(&terminal_, nullptr, nullptr, nullptr);
    ASSERT_GE(child_, 0);
    if (child_ == 0) report_lines(pipe[1], folder_ / "history");
    ::close(pipe[1]);
    reports_ = pipe[0];
  }
  void TearDown() override { finish(SIGKILL); }
  // How the child ended.
  int finish(int signal) {
    int status = 0;
    if (child_ < 0) return status;
    ::kill(child_, signal);
    // What the child still writes has to go somewhere, or it would wait for ever.
    for (char byte = 0; ::read(terminal_, &byte, 1) == 1;) screen_ += byte;
    ::waitpid(child_, &status, 0);
    ::close(terminal_);
    ::close(reports_);
    child_ = -1;
    return status;
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

  test::TempDirectory folder_;
  std::string screen_;  // what the terminal was sent at the end
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

TEST_F(TerminalInputTest, APastedTextIsOneMessage) {
  type("see: \x1b[200~one\r\t한글\r\r\x01two\r\x1b[201~!");
  type("\n");
  EXPECT_EQ(report(), "0:see: one|\t한글||two!");
  type("\x1b[200~" + std::string(20000, 'x') + "\x1b[201~\n");
  EXPECT_EQ(report(), "0:" + std::string(20000, 'x'));
}

TEST_F(TerminalInputTest, AltEnterStartsALineAndArrowsMoveBetweenLines) {
  type("one\x1b\rtwo\x1b[A!\x1b[B?\n");
  EXPECT_EQ(report(), "0:one!|two?");
  type("\x1b[A\n");  // called back whole
  EXPECT_EQ(report(), "0:one!|two?");
}

TEST_F(TerminalInputTest, RemembersFromRunToRun) {
  type("\x1b[200~a\rb\x1b[201~\n");
  EXPECT_EQ(report(), "0:a|b");
  finish(SIGKILL);
  start();
  type("\x1b[A.\n");
  EXPECT_EQ(report(), "0:a|b.");
}

TEST_F(TerminalInputTest, TabCompletesCommandsAlone) {
  type("/b\t\n");
  EXPECT_EQ(report(), "0:/berry ");
  type("/a\tr\t\n");
  EXPECT_EQ(report(), "0:/apricot ");
  type("a\tb\n");
  EXPECT_EQ(report(), "0:a\tb");
}

TEST_F(TerminalInputTest, KeysThatPeopleKnow) {
  type("one two three\x17X\x1b[1;5D\x1b[1;5D\x1b[3~\x1b[F!\x1b[H-\n");
  EXPECT_EQ(report(), "0:-one wo X!");
}

TEST_F(TerminalInputTest, GoesOnAfterASignalToStopAndAChangeOfSize) {
  type("one");
  ::kill(child_, SIGTSTP);  // nobody could wake up a session's leader, so it does not sleep
  type(" two");
  winsize size{};
  size.ws_row = 10;
  size.ws_col = 5;
  ASSERT_EQ(::ioctl(terminal_, TIOCSWINSZ, &size), 0);
  type(" three\n");
  EXPECT_EQ(report(), "0:one two three");
}

TEST_F(TerminalInputTest, SigtermEndsItWithTheTerminalAsItWas) {
  type("half");
  const int status = finish(SIGTERM);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
  EXPECT_NE(screen_.find("\x1b[?2004l"), std::string::npos);
}

// Else a Ctrl-D typed in between would be the terminal's, and lost.
TEST_F(TerminalInputTest, ThePromptComesWhenTheEditorHasTheTerminal) {
  for (int start_number = 0; start_number < 10; ++start_number) {
    std::string seen;
    char byte = 0;
    while (!seen.ends_with("> ") && ::read(terminal_, &byte, 1) == 1) seen += byte;
    termios mode{};
    ASSERT_EQ(::tcgetattr(terminal_, &mode), 0);
    EXPECT_EQ(mode.c_lflag & ICANON, tcflag_t{0}) << seen;
    finish(SIGKILL);
    start();
  }
}

TEST_F(TerminalInputTest, BetweenTwoLinesNothingIsShown) {
  type("reply for ever\n");
  EXPECT_EQ(report(), "0:reply for ever");
  termios mode{};
  ASSERT_EQ(::tcgetattr(terminal_, &mode), 0);
  EXPECT_EQ(mode.c_lflag & (ECHO | ICANON | ISIG), tcflag_t{ISIG});
  const int status = finish(SIGTERM);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}

// A shell that starts the editor, and shows what it finds when that has ended in a reply.
TEST(TerminalSilence, EndsWithItsProcess) {
  int terminal = -1;
  const pid_t shell = ::forkpty(&terminal, nullptr, nullptr, nullptr);
  ASSERT_GE(shell, 0);
  if (shell == 0) {
    int ready[2];
    if (::pipe(ready) != 0) ::_exit(10);
    const pid_t child = ::fork();
    if (child == 0) report_lines(ready[1], "");
    char byte = 0;
    if (::read(ready[0], &byte, 1) != 1) ::_exit(11);
    termios during{}, after{};
    ::tcgetattr(STDIN_FILENO, &during);
    ::kill(child, SIGTERM);
    ::waitpid(child, nullptr, 0);
    ::tcgetattr(STDIN_FILENO, &after);
    ::_exit((during.c_lflag & ECHO) != 0 ? 12 : (after.c_lflag & ECHO) == 0 ? 13 : 0);
  }
  const std::string line = "reply for ever\n";
  EXPECT_EQ(::write(terminal, line.data(), line.size()), std::ssize(line));
  for (char byte = 0; ::read(terminal, &byte, 1) == 1;) continue;
  int status = 0;
  ::waitpid(shell, &status, 0);
  ::close(terminal);
  EXPECT_EQ(status, 0) << "exit code " << WEXITSTATUS(status);
}

}  // namespace
}  // namespace llm::chat
