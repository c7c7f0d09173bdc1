// Oracle: a pseudo-terminal of 40 columns.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <thread>

#include "llm/core/format.h"
#include "llm/train/metrics.h"

namespace llm::train {
namespace {

// Stands in for stderr while it lives.
class NarrowTerminal {
 public:
  explicit NarrowTerminal(unsigned short columns) : master_(::posix_openpt(O_RDWR | O_NOCTTY)) {
    if (master_ < 0 || ::grantpt(master_) != 0 || ::unlockpt(master_) != 0) return;
    const int slave = ::open(::ptsname(master_), O_RDWR | O_NOCTTY);
    const winsize size{.ws_row = 24, .ws_col = columns, .ws_xpixel = 0, .ws_ypixel = 0};
    ::ioctl(slave, TIOCSWINSZ, &size);
    before_ = ::dup(STDERR_FILENO);
    ::dup2(slave, STDERR_FILENO);
    ::close(slave);
  }
  ~NarrowTerminal() {
    if (before_ < 0) return;
    ::dup2(before_, STDERR_FILENO);
    ::close(before_);
    ::close(master_);
  }
  NarrowTerminal(const NarrowTerminal&) = delete;
  NarrowTerminal& operator=(const NarrowTerminal&) = delete;

  bool is_open() const { return before_ >= 0; }
  std::string read() const {
    std::string text(4096, 0);
    const ssize_t count = ::read(master_, text.data(), text.size());
    text.resize(static_cast<size_t>(std::max<ssize_t>(count, 0)));
    return text;
  }

 private:
  int master_;
  int before_ = -1;
};

TEST(TerminalSink, ALineThatIsRewrittenNeverWraps) {
  const NarrowTerminal terminal(40);
  if (!terminal.is_open()) GTEST_SKIP() << "skipped: no pseudo-terminals here";
  const auto sink = make_terminal_sink(20000);
  sink->record(
      {.step = 12000,
       .values = {{"loss", 4.25}, {"lr", 1e-3}, {"grad_norm", 1}, {"tokens_per_second", 52000}}});
  const std::string text = terminal.read();
  const std::string start = "\r\x1b[K";
  ASSERT_TRUE(text.starts_with(start)) << text;
  EXPECT_EQ(text.size() - start.size(), 39u) << text;
}

// A run's first step is its longest, and an evaluation may come before it.
TEST(TerminalSink, TheTimeLeftIsThatOfTheStepsSinceTheFirstLine) {
  const NarrowTerminal terminal(120);
  if (!terminal.is_open()) GTEST_SKIP() << "skipped: no pseudo-terminals here";
  const auto sink = make_terminal_sink(1000);
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  const auto line = [&](int64_t step) {
    sink->record(
        {.step = step,
         .values = {{"loss", 4.25}, {"lr", 1e-3}, {"grad_norm", 1}, {"tokens_per_second", 9}}});
    return terminal.read();
  };
  EXPECT_TRUE(line(1).ends_with("ETA ?"));
  const std::string second = line(1000);
  EXPECT_EQ(second.substr(second.rfind("ETA")), "ETA " + core::format_duration(0));
}

}  // namespace
}  // namespace llm::train
