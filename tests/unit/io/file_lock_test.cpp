// Oracle: a second process.
#include "llm/io/file_lock.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "llm/core/error.h"
#include "support/error_text.h"
#include "support/temp_directory.h"

namespace llm::io {
namespace {

using ::testing::HasSubstr;

class FileLockTest : public ::testing::Test {
 protected:
  std::string refusal() const {
    return test::error_text<core::ConfigError>([&] { FileLock lock(path_); });
  }
  test::TempDirectory directory_;
  std::filesystem::path path_ = directory_ / "run.lock";
};

TEST_F(FileLockTest, IsExclusiveAndNamesItsOwner) {
  const FileLock lock(path_);
  EXPECT_THAT(refusal(), HasSubstr("run.lock: expected a directory that no other process uses, got "
                                   "process " +
                                   std::to_string(::getpid()) + " on "));
}

TEST_F(FileLockTest, IsFreeAfterItsEnd) {
  { const FileLock lock(path_); }
  EXPECT_EQ(refusal(), "no exception");
  EXPECT_TRUE(std::filesystem::exists(path_));
}

TEST_F(FileLockTest, Moves) {
  FileLock first(path_);
  {
    const FileLock second = std::move(first);
    EXPECT_NE(refusal(), "no exception");
  }
  EXPECT_EQ(refusal(), "no exception");
}

// The owner dies without a chance to clean up: what it wrote stays, its lock does not.
TEST_F(FileLockTest, DiesWithItsProcess) {
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const FileLock lock(path_);
    (void)!::write(ready[1], "x", 1);
    ::pause();
    ::_exit(0);
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  EXPECT_THAT(refusal(), HasSubstr("process " + std::to_string(child)));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_EQ(refusal(), "no exception");
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST_F(FileLockTest, MissingFolderIsAnIoError) {
  EXPECT_THROW(FileLock(directory_ / "none/run.lock"), core::IoError);
}

}  // namespace
}  // namespace llm::io
