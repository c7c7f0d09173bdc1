// Oracle: the lines written, and a naive cut of a vector of lines.
#include "llm/io/jsonl_writer.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <cmath>
#include <string>
#include <vector>

#include "llm/core/check.h"
#include "llm/core/error.h"
#include "llm/io/fault_hook.h"
#include "support/temp_directory.h"

namespace llm::io {
namespace {

class JsonlWriterTest : public ::testing::Test {
 protected:
  std::string content() const { return test::read_bytes(path_); }
  uint64_t cut_after_step(int64_t step) const {
    return truncate_lines_after(path_, [&](std::string_view line) {
      return parse_json(line, path_.string()).at("step").get<int64_t>() > step;
    });
  }
  test::TempDirectory directory_;
  std::filesystem::path path_ = directory_ / "metrics.jsonl";
};

TEST_F(JsonlWriterTest, LinesAreThereAtOnceAndInKeyOrder) {
  JsonlWriter writer(path_);
  writer.write({{"step", 1}, {"loss", 0.5}});
  EXPECT_EQ(content(), "{\"step\":1,\"loss\":0.5}\n");
  writer.write({{"step", 2}, {"loss", NAN}});
  EXPECT_EQ(content(), "{\"step\":1,\"loss\":0.5}\n{\"step\":2,\"loss\":null}\n");
}

TEST_F(JsonlWriterTest, GoesOnBehindWhatIsThere) {
  directory_.file("metrics.jsonl", "{\"step\":1}\n");
  JsonlWriter(path_).write({{"step", 2}});
  EXPECT_EQ(content(), "{\"step\":1}\n{\"step\":2}\n");
}

TEST_F(JsonlWriterTest, RemovesAnUnfinishedLastLine) {
  for (const size_t length : {5u, 5000u}) {
    directory_.file("metrics.jsonl", "{\"step\":1}\n{\"s" + std::string(length, 'x'));
    JsonlWriter(path_).write({{"step", 2}});
    EXPECT_EQ(content(), "{\"step\":1}\n{\"step\":2}\n");
  }
  directory_.file("metrics.jsonl", "{\"st");
  JsonlWriter(path_).write({{"step", 2}});
  EXPECT_EQ(content(), "{\"step\":2}\n");
}

TEST_F(JsonlWriterTest, ALineBreakInALineIsABug) {
  EXPECT_THROW(JsonlWriter(path_).write_line("a\nb"), core::ContractViolation);
}

TEST_F(JsonlWriterTest, CutsBackToAStep) {
  std::vector<std::string> lines;
  for (int step = 1; step <= 6; ++step) {
    lines.push_back("{\"step\":" + std::to_string(step) + "}\n");
  }
  for (int step = 0; step <= 7; ++step) {
    std::string whole, expected;
    for (int i = 0; i < 6; ++i) {
      whole += lines[static_cast<size_t>(i)];
      if (i < step) expected += lines[static_cast<size_t>(i)];
    }
    directory_.file("metrics.jsonl", whole);
    EXPECT_EQ(cut_after_step(step), static_cast<uint64_t>(std::max(0, 6 - step)));
    EXPECT_EQ(content(), expected);
  }
}

TEST_F(JsonlWriterTest, CuttingDropsAnUnfinishedLine) {
  directory_.file("metrics.jsonl", "{\"step\":1}\n{\"step\":2}");
  EXPECT_EQ(cut_after_step(5), 1u);
  EXPECT_EQ(content(), "{\"step\":1}\n");
}

TEST_F(JsonlWriterTest, CuttingWhatIsAbsentDoesNothing) {
  EXPECT_EQ(cut_after_step(5), 0u);
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(JsonlWriterTest, FailureLeavesTheFileAsItWas) {
  const std::string whole = "{\"step\":1}\n{\"step\":2}\n{\"x\":3}\n";
  directory_.file("metrics.jsonl", whole);
  EXPECT_ANY_THROW(cut_after_step(2));
  EXPECT_EQ(content(), whole);
  set_fault_hook([](const FileOperation&) { return ENOSPC; });
  EXPECT_THROW(cut_after_step(1), core::IoError);
  set_fault_hook({});
  EXPECT_EQ(content(), whole);
}

}  // namespace
}  // namespace llm::io
