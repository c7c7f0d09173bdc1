// Oracle: a manifest re-read against the directory it was made from, and the same directory with
// one thing changed at a time.
#include "llm/io/manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "llm/core/error.h"
#include "llm/io/fault_hook.h"
#include "llm/io/hash.h"
#include "support/error_text.h"
#include "support/temp_directory.h"

namespace llm::io {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class ManifestTest : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(directory_ / "trainer");
    directory_.file("config.json", "{}");
    directory_.file("model.safetensors", "weights");
    directory_.file("trainer/state.json", "{\"step\": 1}");
    write_manifest(directory_.path());
  }
  void TearDown() override { set_fault_hook({}); }

  std::vector<ManifestProblem> problems(bool check_hashes = true) const {
    return verify_manifest(directory_.path(), check_hashes);
  }
  void expect_one(ManifestFault fault, const std::string& name) const {
    const auto found = problems();
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].fault, fault);
    EXPECT_EQ(found[0].name, name);
  }

  test::TempDirectory directory_;
};

TEST_F(ManifestTest, ListsEveryFileWithSizeAndHash) {
  const Manifest manifest = read_manifest(directory_.path());
  ASSERT_EQ(manifest.size(), 3u);
  EXPECT_EQ(manifest.at("model.safetensors").size, 7u);
  EXPECT_EQ(manifest.at("model.safetensors").xxh3, xxh3(std::string_view("weights")));
  EXPECT_EQ(manifest.count("trainer/state.json"), 1u);
  EXPECT_EQ(manifest.count("manifest.json"), 0u);
}

TEST_F(ManifestTest, IsValidWhenNothingChanged) {
  EXPECT_TRUE(problems().empty());
  EXPECT_TRUE(has_valid_manifest(directory_.path(), true));
}

TEST_F(ManifestTest, SurvivesBeingWrittenAgain) {
  write_manifest(directory_.path());
  EXPECT_TRUE(problems().empty());
}

TEST_F(ManifestTest, ReportsAMissingFile) {
  fs::remove(directory_ / "trainer/state.json");
  expect_one(ManifestFault::kMissing, "trainer/state.json");
  EXPECT_FALSE(has_valid_manifest(directory_.path(), false));
}

TEST_F(ManifestTest, ReportsATruncatedFileWithoutHashing) {
  directory_.file("model.safetensors", "weigh");
  const auto found = problems(false);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].fault, ManifestFault::kSize);
  EXPECT_THAT(found[0].message, HasSubstr("has 5 bytes, its manifest says 7"));
}

TEST_F(ManifestTest, ReportsAChangedFileOfTheSameSizeByItsHash) {
  directory_.file("model.safetensors", "WEIGHTS");
  EXPECT_TRUE(problems(false).empty());
  expect_one(ManifestFault::kHash, "model.safetensors");
}

TEST_F(ManifestTest, ReportsAnExtraFileAndStaysValid) {
  directory_.file("notes.txt", "mine");
  expect_one(ManifestFault::kExtra, "notes.txt");
  EXPECT_TRUE(has_valid_manifest(directory_.path(), true));
}

TEST_F(ManifestTest, ADirectoryWithoutOneIsInvalid) {
  fs::remove(directory_ / "manifest.json");
  expect_one(ManifestFault::kNoManifest, "manifest.json");
  EXPECT_FALSE(has_valid_manifest(directory_.path(), false));
}

TEST_F(ManifestTest, ACutManifestIsInvalid) {
  const std::string whole = test::read_bytes(directory_ / "manifest.json");
  for (size_t length = 0; length + 2 < whole.size(); length += 7) {
    directory_.file("manifest.json", whole.substr(0, length));
    EXPECT_FALSE(has_valid_manifest(directory_.path(), false)) << length;
  }
}

TEST_F(ManifestTest, OneThatListsNothingOrIsOfAnotherFormIsInvalid) {
  for (const char* text : {R"({"files": {}})", "{}", "[]", R"({"files": []})", "{\"files\": {"}) {
    directory_.file("manifest.json", text);
    EXPECT_FALSE(has_valid_manifest(directory_.path(), false)) << text;
  }
  directory_.file("manifest.json", "{}");
  const auto found = problems();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].message, R"(manifest.json: expected {"files": {...}}, got {})");
  directory_.file("manifest.json", R"({"files": {}})");
  EXPECT_THAT(problems()[0].message, HasSubstr("expected at least one file"));
}

TEST_F(ManifestTest, RefusesNamesOutsideTheDirectory) {
  for (const char* name : {"../config.json", "/etc/passwd", "a/../../b", ""}) {
    directory_.file("manifest.json", std::string("{\"files\": {\"") + name +
                                         "\": {\"size\": 1, \"xxh3\": \"0011223344556677\"}}}");
    EXPECT_THAT(test::error_text<core::FormatError>([&] { read_manifest(directory_.path()); }),
                HasSubstr("expected file names inside the directory"))
        << name;
  }
}

TEST_F(ManifestTest, RefusesAnEntryOfAnotherForm) {
  directory_.file("manifest.json", R"({"files": {"a": {"size": -1, "xxh3": "00"}}})");
  EXPECT_THAT(test::error_text<core::FormatError>([&] { read_manifest(directory_.path()); }),
              HasSubstr(R"({"size":-1,"xxh3":"00"})"));
}

TEST_F(ManifestTest, AFailedWriteKeepsTheOldManifest) {
  const std::string before = test::read_bytes(directory_ / "manifest.json");
  directory_.file("more.bin", "more");
  set_fault_hook(
      [](const FileOperation& op) { return op.action == FileAction::kRename ? ENOSPC : 0; });
  EXPECT_THROW(write_manifest(directory_.path()), core::IoError);
  set_fault_hook({});
  EXPECT_EQ(test::read_bytes(directory_ / "manifest.json"), before);
  EXPECT_EQ(std::distance(fs::directory_iterator(directory_.path()), {}), 5);
}

}  // namespace
}  // namespace llm::io
