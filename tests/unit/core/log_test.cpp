// Oracle: what arrives on stderr and in the log file.
#include "llm/core/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <thread>
#include <vector>

#include "llm/core/error.h"
#include "support/temp_directory.h"

namespace llm::core {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

// Leaves the logger as it was found: other tests share the process.
class Log : public ::testing::Test {
 protected:
  void TearDown() override {
    configure_log({});
    set_log_file("");
  }

  static std::string stderr_of(const std::function<void()>& call) {
    ::testing::internal::CaptureStderr();
    call();
    return ::testing::internal::GetCapturedStderr();
  }
};

TEST_F(Log, LinesHaveTimeAndLevel) {
  const std::string text = stderr_of([] { log_info("step {}", 12); });
  EXPECT_THAT(text, MatchesRegex("\\[..:..:..\\] info: step 12\n"));
}

TEST_F(Log, BracesInAMessageAreText) {
  EXPECT_THAT(stderr_of([] { log_message(LogLevel::kInfo, "{} {x}"); }), HasSubstr("{} {x}\n"));
}

TEST_F(Log, LevelsBelowTheChosenOneAreSilent) {
  EXPECT_EQ(stderr_of([] { log_debug("detail"); }), "");
  configure_log({.level = LogLevel::kWarn});
  EXPECT_EQ(stderr_of([] { log_info("fact"); }), "");
  EXPECT_THAT(stderr_of([] { log_warn("careful"); }), HasSubstr("warning: careful"));
}

TEST_F(Log, OtherRanksSayOnlyWhatIsWrongAndWhoTheyAre) {
  configure_log({.level = LogLevel::kInfo, .rank = 3, .world_size = 4});
  EXPECT_EQ(stderr_of([] { log_info("fact"); }), "");
  EXPECT_THAT(stderr_of([] { log_error("broken"); }), HasSubstr("[rank 3] error: broken"));
}

TEST_F(Log, FileGetsEveryLineUntilItIsTakenAway) {
  const test::TempDirectory directory;
  const std::string path = directory / "log.txt";
  stderr_of([&] {
    set_log_file(path);
    log_info("first");
    set_log_file("");
    log_info("second");
  });
  EXPECT_THAT(test::read_bytes(path), HasSubstr("info: first\n"));
  EXPECT_THAT(test::read_bytes(path), Not(HasSubstr("second")));
}

TEST_F(Log, FileBeginsWithTheLinesFromBeforeItWasOpened) {
  const test::TempDirectory directory;
  const std::string first = directory / "first.txt", second = directory / "second.txt";
  stderr_of([&] {
    set_log_file("");
    log_warn("early");
    set_log_file(first);
    set_log_file("");
    log_info("between");
    set_log_file(second);
  });
  EXPECT_THAT(test::read_bytes(first), HasSubstr("warning: early\n"));
  EXPECT_THAT(test::read_bytes(second), HasSubstr("info: between\n"));
  EXPECT_THAT(test::read_bytes(second), Not(HasSubstr("early")));
}

TEST_F(Log, FileHasTheFactsThatAQuietTerminalLeavesOut) {
  const test::TempDirectory directory;
  const std::string path = directory / "log.txt";
  configure_log({.level = LogLevel::kWarn});
  const std::string terminal = stderr_of([&] {
    set_log_file(path);
    log_info("fact");
    log_to_file(LogLevel::kError, "for the file");
  });
  EXPECT_EQ(terminal, "");
  EXPECT_THAT(test::read_bytes(path), HasSubstr("info: fact\n"));
  EXPECT_THAT(test::read_bytes(path), HasSubstr("error: for the file\n"));
}

TEST_F(Log, FileIsAppendedTo) {
  const test::TempDirectory directory;
  const std::string path = directory.file("log.txt", "earlier\n");
  stderr_of([&] {
    set_log_file(path);
    log_info("later");
  });
  EXPECT_THAT(test::read_bytes(path), MatchesRegex("earlier\n.*later\n"));
}

TEST_F(Log, FileThatCannotBeOpenedIsAnError) {
  const test::TempDirectory directory;
  directory.file("plain", "");
  EXPECT_THROW(set_log_file((directory / "plain/log.txt").string()), IoError);
}

TEST_F(Log, ThreadsDoNotMixTheirLines) {
  const test::TempDirectory directory;
  const std::string path = directory / "log.txt";
  stderr_of([&] {
    set_log_file(path);
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([] {
        for (int i = 0; i < 200; ++i) log_info("abcdefghij");
      });
    }
    for (auto& thread : threads) thread.join();
  });
  const std::string text = test::read_bytes(path);
  size_t count = 0;
  for (size_t at = 0; (at = text.find("info: abcdefghij\n", at)) != std::string::npos; ++at)
    ++count;
  EXPECT_EQ(count, 800u);
}

}  // namespace
}  // namespace llm::core
