// Oracle: the folder's content after each operation, and after each of its system calls has failed;
// the list of operations that a save of one file consists of.
#include "llm/io/file_operations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <fstream>
#include <set>
#include <thread>

#include "llm/core/error.h"
#include "llm/io/atomic_file.h"
#include "llm/io/fault_hook.h"
#include "support/error_text.h"
#include "support/temp_directory.h"

namespace llm::io {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class FileOperationsTest : public ::testing::Test {
 protected:
  void TearDown() override { set_fault_hook({}); }

  void write(const std::string& name, const std::string& content) const {
    fs::create_directories((directory_ / name).parent_path());
    std::ofstream(directory_ / name) << content;
  }

  // "name=content" of every file, "name/" of every empty folder.
  std::vector<std::string> tree() const {
    std::vector<std::string> found;
    for (const auto& entry : fs::recursive_directory_iterator(directory_.path())) {
      const std::string name = entry.path().lexically_relative(directory_.path()).string();
      if (entry.is_regular_file()) found.push_back(name + "=" + test::read_bytes(entry.path()));
      if (entry.is_directory() && fs::is_empty(entry.path())) found.push_back(name + "/");
    }
    std::sort(found.begin(), found.end());
    return found;
  }

  static std::string described(const FileOperation& op) {
    return std::string(action_name(op.action)) + " " + op.path.filename().string();
  }

  test::TempDirectory directory_;
};

TEST_F(FileOperationsTest, AFileIsMadeWrittenFlushedRenamedAndItsNameFlushed) {
  std::vector<std::string> seen;
  set_fault_hook([&](const FileOperation& op) {
    EXPECT_EQ(op.number, seen.size());
    seen.push_back(std::string(action_name(op.action)) + " " + op.path.extension().string());
    if (op.action == FileAction::kWrite) {
      EXPECT_EQ(op.bytes.size(), 3u);
      EXPECT_EQ(op.offset, 0u);
    }
    EXPECT_EQ(op.target, op.action == FileAction::kRename ? directory_ / "x" : fs::path());
    EXPECT_EQ(op.path == directory_.path(), op.action == FileAction::kSyncDirectory);
    return 0;
  });
  write_file_atomically(directory_ / "x", "abc");
  EXPECT_THAT(seen, ElementsAre("create .partial", "write .partial", "sync .partial",
                                "rename .partial", "sync directory "));
}

TEST_F(FileOperationsTest, OperationsOfManyThreadsAreNumberedOneByOne) {
  std::set<uint64_t> numbers;
  set_fault_hook([&](const FileOperation& op) {
    EXPECT_TRUE(numbers.insert(op.number).second);  // unguarded: the hook is for one at a time
    return 0;
  });
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (int k = 0; k < 50; ++k) write_file_atomically(directory_ / std::to_string(i), "abc");
    });
  }
  for (std::thread& thread : threads) thread.join();
  set_fault_hook({});
  EXPECT_EQ(numbers.size(), 4u * 50 * 5);
  EXPECT_EQ(*numbers.rbegin(), 4u * 50 * 5 - 1);
}

TEST_F(FileOperationsTest, FoldersAreMadeAndEachIsFlushedIntoTheOneAbove) {
  std::vector<std::string> seen;
  set_fault_hook([&](const FileOperation& op) {
    seen.push_back(described(op));
    return 0;
  });
  make_directories(directory_ / "a/b/");
  EXPECT_THAT(seen, ElementsAre("make directory a",
                                "sync directory " + directory_.path().filename().string(),
                                "make directory b", "sync directory a"));
  make_directories(directory_ / "a/b");
  EXPECT_EQ(seen.size(), 4u);
  directory_.file("file", "");
  EXPECT_THAT(test::error_text<core::IoError>([&] { make_directories(directory_ / "file/x"); }),
              HasSubstr("file: cannot be made: File exists"));
}

TEST_F(FileOperationsTest, ATreeIsRemovedButNotWhatItLinksTo) {
  write("kept/x", "1");
  write("tree/a/b/y", "2");
  write("tree/z", "3");
  fs::create_directory_symlink(directory_ / "kept", directory_ / "tree/link");
  remove_tree(directory_ / "tree");
  remove_tree(directory_ / "tree");
  EXPECT_THAT(tree(), ElementsAre("kept/x=1"));
}

TEST_F(FileOperationsTest, ARemovalThatFailsGoesOnWithTheRest) {
  write("tree/a/x", "1");
  write("tree/y", "2");
  set_fault_hook([](const FileOperation& op) { return op.path.filename() == "x" ? EIO : 0; });
  EXPECT_THROW(remove_tree(directory_ / "tree"), core::IoError);
  try_remove_tree(directory_ / "tree");
  set_fault_hook({});
  EXPECT_THAT(tree(), ElementsAre("tree/a/x=1"));
}

// Also on file systems that cannot exchange two names, where two renames do.
TEST_F(FileOperationsTest, WhatWasInTheWayIsWhereTheNewCameFrom) {
  for (const int exchange_error : {0, EINVAL}) {
    write("new", "1");
    write("old/x", "2");
    set_fault_hook([&](const FileOperation& op) {
      return op.action == FileAction::kExchange ? exchange_error : 0;
    });
    put_in_place(directory_ / "new", directory_ / "old");
    EXPECT_THAT(tree(), ElementsAre("new/x=2", "old=1"));
    remove_tree(directory_ / "new");
    put_in_place(directory_ / "old", directory_ / "free");
    EXPECT_THAT(tree(), ElementsAre("free=1"));
    remove_tree(directory_ / "free");
  }
}

TEST_F(FileOperationsTest, WhereTheNewCannotBePutBothAreWhereTheyWere) {
  write("new", "1");
  write("old", "2");
  for (const bool can_exchange : {true, false}) {
    for (const uint64_t failing : {1, 2, 3}) {
      if (can_exchange && failing > 1) continue;  // the exchange is all there is
      set_fault_hook([&](const FileOperation& op) {
        if (op.action == FileAction::kExchange && !can_exchange) return ENOSYS;
        return op.number + (can_exchange ? 1 : 0) == failing ? EIO : 0;
      });
      EXPECT_THAT(test::error_text<core::IoError>(
                      [&] { put_in_place(directory_ / "new", directory_ / "old"); }),
                  HasSubstr("old: cannot be put in place: Input/output error"));
      set_fault_hook({});
      EXPECT_THAT(tree(), ElementsAre("new=1", "old=2")) << can_exchange << failing;
    }
  }
}

TEST_F(FileOperationsTest, RefusalsNameThePathAndSayWhatToDo) {
  EXPECT_THAT(test::error_text<core::IoError>(
                  [&] { rename_path(directory_ / "nothing", directory_ / "there"); }),
              HasSubstr("nothing: cannot be renamed to " + (directory_ / "there").string()));
  EXPECT_THROW(sync_directory(directory_ / "nothing"), core::IoError);
  set_fault_hook([](const FileOperation&) { return EROFS; });
  EXPECT_THAT(test::error_text<core::IoError>([&] { make_directories(directory_ / "x"); }),
              HasSubstr("x: cannot be made: Read-only file system. Choose a place"));
}

}  // namespace
}  // namespace llm::io
