// Oracle: lists of paths and formats written by hand for a small tree of files.
#include "llm/corpus/input_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "llm/core/error.h"
#include "support/error_text.h"
#include "support/temp_directory.h"

namespace llm::corpus {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;
namespace fs = std::filesystem;

class InputFiles : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(dir_ / "a/deep");
    fs::create_directories(dir_ / "a/.hidden");
    dir_.file("a/b.txt", "b");
    dir_.file("a/B.jsonl", "{}");
    dir_.file("a/deep/c.html", "c");
    dir_.file("a/deep/d.txt.zst", "d");
    dir_.file("a/.hidden/e.txt", "e");
    dir_.file("a/script.js", "x");
  }

  std::vector<std::string> found(const std::vector<std::string>& inputs,
                                 DocumentFormat format = DocumentFormat::kAuto) {
    std::vector<std::string> names;
    for (const InputFile& file : find_input_files(inputs, format)) {
      names.push_back(fs::relative(file.path, dir_.path()).string());
    }
    return names;
  }
  std::string at(const std::string& name) const { return (dir_ / name).string(); }

  test::TempDirectory dir_;
};

TEST_F(InputFiles, FoldersGiveKnownEndingsInOrder) {
  EXPECT_THAT(found({at("a")}),
              ElementsAre("a/B.jsonl", "a/b.txt", "a/deep/c.html", "a/deep/d.txt.zst"));
  EXPECT_THAT(found({at("a")}, DocumentFormat::kText), ElementsAre("a/b.txt", "a/deep/d.txt.zst"));
}

TEST_F(InputFiles, PatternsAndFilesComeInTheOrderNamedAndOnce) {
  EXPECT_THAT(
      found({at("a/script.js"), at("a/*.txt"), at("a")}),
      ElementsAre("a/script.js", "a/b.txt", "a/B.jsonl", "a/deep/c.html", "a/deep/d.txt.zst"));
  const auto files = find_input_files({at("a/b.txt"), at("a")}, DocumentFormat::kAuto);
  EXPECT_EQ(files[0].input, 0u);
  EXPECT_EQ(files[1].input, 1u);
}

TEST_F(InputFiles, FormatsAreToldByNameThenContent) {
  const auto format_of = [&](const std::string& name, const std::string& content) {
    return find_input_files({dir_.file(name, content).string()}, DocumentFormat::kAuto)[0].format;
  };
  EXPECT_EQ(format_of("x.JSONL.gz", "anything"), DocumentFormat::kJsonl);
  EXPECT_EQ(format_of("x.htm", "anything"), DocumentFormat::kHtml);
  EXPECT_EQ(format_of("x.data", "{\"text\": \"a\"}\n"), DocumentFormat::kJsonl);
  EXPECT_EQ(format_of("y.data", "\xEF\xBB\xBF <!DOCTYPE html><p>"), DocumentFormat::kHtml);
  EXPECT_EQ(format_of("z.data", "prose {}"), DocumentFormat::kText);
  EXPECT_EQ(format_of("empty", ""), DocumentFormat::kText);
  const auto forced = find_input_files({at("x.htm")}, DocumentFormat::kText);
  EXPECT_EQ(forced[0].format, DocumentFormat::kText);
}

TEST_F(InputFiles, SaysWhatIsMissing) {
  const auto message = [&](const std::string& input) {
    return test::error_text<core::ConfigError>(
        [&] { find_input_files({input}, DocumentFormat::kAuto); });
  };
  EXPECT_THAT(message(at("nowhere.txt")), HasSubstr("nowhere.txt, which is not there"));
  EXPECT_THAT(message(at("*.nothing")), HasSubstr("*.nothing"));
  EXPECT_THAT(message("nowhere.txt"), StartsWith("--input: "));
  for (const std::string input : {"nowhere.txt", "*.nothing"})
    EXPECT_THAT(test::error_text<core::ConfigError>([&] {
                  find_input_files({input}, DocumentFormat::kAuto, "data.train[0].paths");
                }),
                StartsWith("data.train[0].paths: "));
  EXPECT_THROW(find_input_files({}, DocumentFormat::kAuto), core::ConfigError);
  fs::create_directories(dir_ / "empty");
  EXPECT_THROW(find_input_files({at("empty")}, DocumentFormat::kAuto), core::DataError);
  const fs::path binary = dir_.file("blob", std::string("ab\0cd", 5));
  EXPECT_THAT(test::error_text<core::DataError>(
                  [&] { find_input_files({binary.string()}, DocumentFormat::kAuto); }),
              HasSubstr("binary"));
}

}  // namespace
}  // namespace llm::corpus
