// Oracle: what arrives on stderr and in the log file.
#include "llm/core/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <thread>
#include <vector>

#include "llm/core/error.h"
#include "support/temp_directory.h"

namespace llm::core {
namespace {

using ::testing::AllOf;
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

// log.3.txt, log.2.txt, log.1.txt, log.txt: the lines in the order they were written.
std::string joined_logs(const test::TempDirectory& directory) {
  std::string text;
  for (const char* name : {"log.3.txt", "log.2.txt", "log.1.txt", "log.txt"})
    text += test::read_bytes(directory / name);
  return text;
}

TEST_F(Log, AFullFileMovesOnAndNothingIsLostBetweenTheTwo) {
  const test::TempDirectory directory;
  const std::string path = directory / "log.txt";
  constexpr uint64_t kLimit = 400;
  stderr_of([&] {
    set_log_file(path, {.max_bytes = kLimit, .keep_files = 100});
    for (int i = 0; i < 25; ++i)
      log_info("line {} {}", i, std::string(static_cast<size_t>(i), 'x'));
  });
  const std::string text = joined_logs(directory);
  ASSERT_FALSE(std::filesystem::exists(directory / "log.4.txt")) << "the test reads only three";
  size_t at = 0;
  for (int i = 0; i < 25; ++i) {
    const std::string line =
        "info: line " + std::to_string(i) + " " + std::string(static_cast<size_t>(i), 'x') + "\n";
    at = text.find(line, at);
    ASSERT_NE(at, std::string::npos) << line << text;
  }
  for (const char* name : {"log.3.txt", "log.2.txt", "log.1.txt", "log.txt"}) {
    const std::string part = test::read_bytes(directory / name);
    EXPECT_LE(part.size(), kLimit) << name;
    EXPECT_TRUE(part.empty() || part.back() == '\n') << name;
  }
}

TEST_F(Log, OnlyAsManyOldFilesStayAsWereAskedFor) {
  const test::TempDirectory directory;
  const std::string path = directory / "log.txt";
  stderr_of([&] {
    set_log_file(path, {.max_bytes = 100, .keep_files = 2});
    for (int i = 0; i < 20; ++i) log_info("line number {:04} of twenty", i);
  });
  EXPECT_THAT(test::read_bytes(path), HasSubstr("0019"));
  EXPECT_TRUE(std::filesystem::exists(directory / "log.2.txt"));
  EXPECT_FALSE(std::filesystem::exists(directory / "log.3.txt"));
}

TEST_F(Log, AFileThatIsOpenedAgainGoesOnUntilItIsFull) {
  const test::TempDirectory directory;
  const std::string path = directory.file("log.txt", std::string(80, 'o') + "\n");
  stderr_of([&] {
    set_log_file(path, {.max_bytes = 140, .keep_files = 2});
    log_info("first");
    set_log_file("");
    set_log_file(path, {.max_bytes = 140, .keep_files = 2});
    log_info("second");
  });
  EXPECT_THAT(test::read_bytes(directory / "log.1.txt"), MatchesRegex("o+\n.*first\n"));
  EXPECT_THAT(test::read_bytes(path), AllOf(HasSubstr("second"), Not(HasSubstr("first"))));
}

TEST_F(Log, ThreadsLoseNoLineWhileFilesMoveOn) {
  const test::TempDirectory directory;
  const std::string path = directory / "log.txt";
  stderr_of([&] {
    set_log_file(path, {.max_bytes = 1000, .keep_files = 1000});
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([t] {
        for (int i = 0; i < 50; ++i) log_info("thread {} line {}.", t, i);
      });
    }
    for (auto& thread : threads) thread.join();
  });
  std::string text;
  for (const auto& entry : std::filesystem::directory_iterator(directory.path()))
    text += test::read_bytes(entry.path());
  for (int t = 0; t < 4; ++t) {
    for (int i = 0; i < 50; ++i)
      EXPECT_THAT(text, HasSubstr(fmt::format("thread {} line {}.", t, i)));
  }
}

}  // namespace
}  // namespace llm::core
