// Oracle: the folders that are there before and after.
#include "llm/io/made_folders.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "llm/core/error.h"
#include "support/error_text.h"
#include "support/temp_directory.h"

namespace llm::io {
namespace {

namespace fs = std::filesystem;

TEST(MadeFolders, TakesAwayWhatItMadeUnlessKept) {
  const test::TempDirectory dir;
  fs::create_directory(dir / "there");
  {
    const MadeFolders folders(dir / "there/a/b/");
    EXPECT_TRUE(fs::is_directory(dir / "there/a/b"));
  }
  EXPECT_TRUE(fs::is_empty(dir / "there"));
  {
    MadeFolders folders(dir / "there/a/b");
    folders.keep();
  }
  EXPECT_TRUE(fs::is_directory(dir / "there/a/b"));
  { const MadeFolders folders(dir / "there/a/b"); }
  EXPECT_TRUE(fs::is_directory(dir / "there/a/b"));
}

TEST(MadeFolders, LeavesFoldersInWhichSomethingLies) {
  const test::TempDirectory dir;
  {
    const MadeFolders folders(dir / "a/b/c");
    dir.file("a/precious.txt", "mine");
  }
  EXPECT_TRUE(fs::exists(dir / "a/precious.txt"));
  EXPECT_FALSE(fs::exists(dir / "a/b"));
}

TEST(MadeFolders, AFailureLeavesNothing) {
  const test::TempDirectory dir;
  dir.file("file", "");
  EXPECT_THAT(test::error_text<core::IoError>([&] { const MadeFolders folders(dir / "file/a"); }),
              testing::HasSubstr("file/a: cannot be made"));
  const std::string too_long(300, 'x');
  EXPECT_THROW(MadeFolders(dir / ("a/b/" + too_long)), core::IoError);
  EXPECT_FALSE(fs::exists(dir / "a"));
}

}  // namespace
}  // namespace llm::io
