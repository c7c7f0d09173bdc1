// Oracle: the entries that were appended, and the file's mode and lines.
#include "llm/chat/input_history.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "support/temp_directory.h"

namespace llm::chat {
namespace {

TEST(InputHistory, KeepsEntriesOfSeveralLinesWhole) {
  const test::TempDirectory folder;
  const auto file = folder / "deep/er/history";
  const std::vector<std::string> entries = {"one", "\"\"\"\ntwo\nlines\n\"\"\"", "한글 🙂\t\\"};
  for (const auto& entry : entries) InputHistory(file).append(entry);
  EXPECT_EQ(InputHistory(file).load(), entries);
  struct stat status {};
  ASSERT_EQ(::stat(file.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
}

TEST(InputHistory, LinesThatAreNoEntriesAreLeftOut) {
  const test::TempDirectory folder;
  const auto file = folder.file("history", "\"a\"\nplain\n{}\n\"\"\n\"cut o");
  EXPECT_EQ(InputHistory(file).load(), (std::vector<std::string>{"a"}));
}

TEST(InputHistory, AFileThatGrewIsCutToTheNewest) {
  const test::TempDirectory folder;
  const auto file = folder / "history";
  const InputHistory history(file);
  for (size_t i = 0; i < 2 * kHistoryEntries; ++i) history.append(std::to_string(i));
  const auto loaded = history.load();
  ASSERT_EQ(loaded.size(), kHistoryEntries);
  EXPECT_EQ(loaded.front(), std::to_string(kHistoryEntries));
  const std::string bytes = test::read_bytes(file);
  EXPECT_EQ(std::ranges::count(bytes, '\n'), std::ptrdiff_t{kHistoryEntries});
  EXPECT_EQ(history.load(), loaded);
}

TEST(InputHistory, NothingGoesWrongWhereNothingCanBeKept) {
  const test::TempDirectory folder;
  InputHistory("").append("x");
  EXPECT_TRUE(InputHistory("").load().empty());
  const InputHistory unwritable(folder.file("file", "") / "history");
  unwritable.append("x");
  EXPECT_TRUE(unwritable.load().empty());
  const InputHistory history(folder / "history");
  history.append(std::string(100000, 'x'));
  EXPECT_TRUE(history.load().empty());
}

// Sets variables for one test.
class HistoryPlaceTest : public ::testing::Test {
 protected:
  void TearDown() override {
    for (size_t i = 0; i < std::size(kNames); ++i) set(kNames[i], before_[i]);
  }
  static void set(const char* name, const std::optional<std::string>& value) {
    if (value) {
      ::setenv(name, value->c_str(), 1);
    } else {
      ::unsetenv(name);
    }
  }
  static std::optional<std::string> get(const char* name) {
    const char* value = std::getenv(name);
    return value != nullptr ? std::optional<std::string>(value) : std::nullopt;
  }
  static constexpr const char* kNames[] = {"LLMTRAIN_HISTORY", "XDG_STATE_HOME", "HOME"};
  std::optional<std::string> before_[3] = {get(kNames[0]), get(kNames[1]), get(kNames[2])};
};

TEST_F(HistoryPlaceTest, ComesFromTheEnvironment) {
  set("LLMTRAIN_HISTORY", std::nullopt);
  set("XDG_STATE_HOME", std::nullopt);
  set("HOME", "/home/me");
  EXPECT_EQ(default_history_file(), "/home/me/.local/state/llmtrain/chat_history");
  set("XDG_STATE_HOME", "/state");
  EXPECT_EQ(default_history_file(), "/state/llmtrain/chat_history");
  set("XDG_STATE_HOME", "relative");
  set("HOME", std::nullopt);
  EXPECT_EQ(default_history_file(), "");
  set("LLMTRAIN_HISTORY", "/elsewhere");
  EXPECT_EQ(default_history_file(), "/elsewhere");
  set("LLMTRAIN_HISTORY", "");
  EXPECT_EQ(default_history_file(), "");
}

}  // namespace
}  // namespace llm::chat
