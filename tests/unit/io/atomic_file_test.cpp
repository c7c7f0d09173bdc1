// Oracle: at every failing operation the folder holds the old file and nothing else.
#include "llm/io/atomic_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cerrno>

#include "llm/core/check.h"
#include "llm/core/error.h"
#include "llm/io/fault_hook.h"
#include "llm/io/mapped_file.h"
#include "support/error_text.h"
#include "support/temp_directory.h"

namespace llm::io {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class AtomicFileTest : public ::testing::Test {
 protected:
  void TearDown() override { set_fault_hook({}); }

  // Fails the nth operation of that kind, counted from 0.
  static void fail_at(FileAction action, int nth, int error) {
    set_fault_hook([=, count = 0](const FileOperation& op) mutable {
      return op.action == action && count++ == nth ? error : 0;
    });
  }

  std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const auto& entry : std::filesystem::directory_iterator(directory_.path())) {
      out.push_back(entry.path().filename().string());
    }
    return out;
  }

  test::TempDirectory directory_;
};

TEST_F(AtomicFileTest, AppearsWholeAtCommit) {
  AtomicFile file(directory_ / "x");
  file.write(std::string_view("hello "));
  file.write(std::string_view("world"));
  const std::array<std::byte, 1> patch{std::byte{'J'}};
  file.write_at(0, patch);
  EXPECT_EQ(file.size(), 11u);
  EXPECT_FALSE(std::filesystem::exists(directory_ / "x"));
  file.commit();
  EXPECT_EQ(test::read_bytes(directory_ / "x"), "Jello world");
  EXPECT_THAT(names(), ::testing::ElementsAre("x"));
}

TEST_F(AtomicFileTest, WithoutCommitNothingIsLeft) {
  directory_.file("x", "old");
  { AtomicFile(directory_ / "x").write(std::string_view("new")); }
  EXPECT_EQ(test::read_bytes(directory_ / "x"), "old");
  EXPECT_THAT(names(), ::testing::ElementsAre("x"));
}

TEST_F(AtomicFileTest, EveryFailureLeavesTheOldFile) {
  directory_.file("x", "old");
  for (const FileAction action :
       {FileAction::kCreate, FileAction::kWrite, FileAction::kSync, FileAction::kRename}) {
    fail_at(action, 0, ENOSPC);
    const auto text = test::error_text<core::IoError>(
        [&] { write_file_atomically(directory_ / "x", "new content"); });
    EXPECT_THAT(text, AllOf(StartsWith((directory_ / "x").string() + ": cannot be "),
                            HasSubstr("No space left on device. Free some space there")));
    EXPECT_EQ(test::read_bytes(directory_ / "x"), "old") << action_name(action);
    EXPECT_THAT(names(), ::testing::ElementsAre("x")) << action_name(action);
  }
}

TEST_F(AtomicFileTest, WriteErrorsSayHowMuchWasWritten) {
  fail_at(FileAction::kWrite, 1, ENOSPC);
  AtomicFile file(directory_ / "x");
  file.write(std::string_view("12345"));
  const auto text = test::error_text<core::IoError>([&] { file.write(std::string_view("abc")); });
  EXPECT_THAT(text, HasSubstr("cannot be written (3 bytes at offset 5 after 5 bytes): No space"));
}

TEST_F(AtomicFileTest, ErrorsCarryTheErrorNumber) {
  fail_at(FileAction::kSync, 0, EIO);
  try {
    write_file_atomically(directory_ / "x", "new");
    FAIL() << "no exception";
  } catch (const core::IoError& error) {
    EXPECT_EQ(error.error_number(), EIO);
  }
}

TEST_F(AtomicFileTest, MissingFolderIsNamed) {
  EXPECT_THAT(test::error_text<core::IoError>([&] { AtomicFile file(directory_ / "none/x"); }),
              HasSubstr("none/x: cannot be created: No such file or directory"));
}

TEST_F(AtomicFileTest, BrokenContractsAreRefused) {
  AtomicFile file(directory_ / "x");
  EXPECT_THROW(file.write_at(1, {}), core::ContractViolation);
  file.commit();
  EXPECT_THROW(file.write(std::string_view("late")), core::ContractViolation);
  EXPECT_THROW(file.commit(), core::ContractViolation);
}

TEST_F(AtomicFileTest, PathsWithoutAFolderAreInTheCurrentOne) {
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(directory_.path());
  write_file_atomically("here", "x");
  std::filesystem::current_path(before);
  EXPECT_EQ(test::read_bytes(directory_ / "here"), "x");
}

TEST_F(AtomicFileTest, FoldersWithoutFsyncAreAccepted) {
  fail_at(FileAction::kSyncDirectory, 0, EINVAL);
  write_file_atomically(directory_ / "x", "new");
  EXPECT_EQ(test::read_bytes(directory_ / "x"), "new");
}

TEST_F(AtomicFileTest, MappedFilesSeeTheBytes) {
  const MappedFile mapped(directory_.file("x", "abc"));
  ASSERT_EQ(mapped.bytes().size(), 3u);
  EXPECT_EQ(mapped.bytes()[2], std::byte{'c'});
  mapped.advise_random();
  EXPECT_TRUE(MappedFile(directory_.file("empty", "")).bytes().empty());
  EXPECT_THROW(MappedFile(directory_ / "none"), core::IoError);
  EXPECT_THROW(MappedFile(directory_.path()), core::IoError);
}

TEST_F(AtomicFileTest, MappedFilesMove) {
  MappedFile first(directory_.file("x", "abc"));
  MappedFile second = std::move(first);
  EXPECT_EQ(second.bytes().size(), 3u);
  second = MappedFile(directory_.file("y", "defg"));
  EXPECT_EQ(second.bytes()[0], std::byte{'d'});
  EXPECT_EQ(second.path(), directory_ / "y");
}

// A mapping outlives the replacement of its file: readers of a checkpoint are safe from a save.
TEST_F(AtomicFileTest, ReplacingAFileLeavesMappingsAlone) {
  const MappedFile mapped(directory_.file("x", "old"));
  write_file_atomically(directory_ / "x", "NEW");
  EXPECT_EQ(mapped.bytes()[0], std::byte{'o'});
}

}  // namespace
}  // namespace llm::io
