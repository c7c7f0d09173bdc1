// Oracle: the lines a text was joined from, through the compressors of zlib and zstd.
#include "llm/io/line_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "llm/core/error.h"
#include "llm/core/rng.h"
#include "support/compress.h"
#include "support/error_text.h"
#include "support/temp_directory.h"

namespace llm::io {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::string> lines_of(const std::filesystem::path& path) {
  LineReader reader(path);
  std::vector<std::string> lines;
  while (auto line = reader.next()) {
    lines.push_back(std::move(*line));
    EXPECT_EQ(reader.line_number(), lines.size());
  }
  return lines;
}

class LineReaderTest : public ::testing::Test {
 protected:
  std::vector<std::string> lines(const std::string& bytes) {
    return lines_of(directory_.file("f", bytes));
  }
  std::string refusal(const std::string& bytes) {
    const auto path = directory_.file("f", bytes);
    return test::error_text<core::FormatError>([&] { lines_of(path); });
  }
  test::TempDirectory directory_;
};

// Some MiB of lines, empty ones and one of 600 kB among them.
std::vector<std::string> many_lines() {
  core::PhiloxStream random(1);
  std::vector<std::string> lines;
  for (int i = 0; i < 20'000; ++i) {
    std::string& line = lines.emplace_back(i == 5000 ? 600'000 : random.next_below(200), ' ');
    for (char& c : line) c = static_cast<char>('a' + random.next_below(26));
  }
  lines.push_back("end");
  return lines;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const auto& line : lines) text += line + "\n";
  return text;
}

TEST_F(LineReaderTest, SplitsAtNewlines) {
  EXPECT_THAT(lines(""), IsEmpty());
  EXPECT_THAT(lines("\n"), ElementsAre(""));
  EXPECT_THAT(lines("a\n\nb"), ElementsAre("a", "", "b"));
  EXPECT_THAT(lines("a\r\nb\rc\r\r\n"), ElementsAre("a", "b\rc\r"));
  EXPECT_THAT(lines("a\r"), ElementsAre("a\r"));  // half a line end is content
  EXPECT_THAT(lines(std::string("a\0b\n", 4)), ElementsAre(std::string("a\0b", 3)));
}

TEST_F(LineReaderTest, EveryFormatGivesTheSameLines) {
  const auto expected = many_lines();
  const std::string text = joined(expected);
  EXPECT_EQ(lines(text), expected);
  EXPECT_EQ(lines(test::gzip(text)), expected);
  EXPECT_EQ(lines(test::zstd(text)), expected);
}

TEST_F(LineReaderTest, MembersAndFramesFollowOneAnother) {
  const auto expected = many_lines();
  const std::string text = joined(expected);
  std::string gz, zst;
  for (size_t begin = 0; begin < text.size(); begin += 500'000) {
    gz += test::gzip(text.substr(begin, 500'000));
    zst += test::zstd(text.substr(begin, 500'000));
  }
  const std::string skippable("\x50\x2A\x4D\x18\x03\0\0\0abc", 11);
  EXPECT_EQ(lines(gz), expected);
  EXPECT_EQ(lines(gz + std::string(512, '\0')), expected);
  EXPECT_EQ(lines(zst), expected);
  EXPECT_EQ(lines(skippable + zst + skippable), expected);
  EXPECT_EQ(lines(test::gzip("") + gz + test::gzip("")), expected);
  EXPECT_EQ(lines(test::zstd("") + zst + test::zstd("")), expected);
}

TEST_F(LineReaderTest, EmptyStreamsHaveNoLines) {
  EXPECT_THAT(lines(test::gzip("")), IsEmpty());
  EXPECT_THAT(lines(test::zstd("")), IsEmpty());
}

TEST_F(LineReaderTest, EveryTruncationIsRefused) {
  const std::string gz = test::gzip("hello\nworld\n");
  const std::string zst = test::zstd("hello\nworld\n");
  for (size_t size = 2; size < gz.size(); ++size) {
    EXPECT_THAT(refusal(gz.substr(0, size)), HasSubstr("got the end of the file")) << size;
  }
  for (size_t size = 4; size < zst.size(); ++size) {
    EXPECT_THAT(refusal(zst.substr(0, size)), HasSubstr("got the end of the file")) << size;
  }
  EXPECT_THAT(refusal(zst + zst.substr(0, zst.size() - 1)), HasSubstr("The file was cut short"));
}

TEST_F(LineReaderTest, LinesBeforeTheCutAreGivenFirst) {
  const auto expected = many_lines();
  std::string zst = test::zstd(joined(expected));
  zst.resize(zst.size() / 2);
  LineReader reader(directory_.file("f", zst));
  for (int i = 0; i < 100; ++i) EXPECT_EQ(reader.next(), expected[static_cast<size_t>(i)]);
  EXPECT_THROW(while (reader.next().has_value()){}, core::FormatError);
}

TEST_F(LineReaderTest, DamageNamesTheByte) {
  std::string gz = test::gzip(joined(many_lines()));
  gz[gz.size() - 3] ^= 1;  // the length in the trailer
  EXPECT_THAT(refusal(gz),
              HasSubstr("expected intact compressed data, got incorrect length check"));
  std::string zst = test::zstd(joined(many_lines()));
  zst[zst.size() - 2] ^= 1;  // the content checksum
  EXPECT_THAT(refusal(zst), HasSubstr("checksum"));
  EXPECT_THAT(refusal(test::gzip("a\n") + "tail"), HasSubstr(": byte 2"));
}

TEST_F(LineReaderTest, ProgressIsMeasuredInCompressedBytes) {
  const auto path = directory_.file("f", test::zstd(joined(many_lines())));
  LineReader reader(path);
  EXPECT_EQ(reader.bytes().compressed_size(), std::filesystem::file_size(path));
  uint64_t before = 0;
  while (reader.next()) {
    EXPECT_GE(reader.bytes().compressed_position(), before);
    before = reader.bytes().compressed_position();
  }
  EXPECT_EQ(before, reader.bytes().compressed_size());
}

TEST_F(LineReaderTest, MissingFilesAreNamed) {
  EXPECT_THAT(test::error_text<core::IoError>([&] { LineReader(directory_ / "none.jsonl"); }),
              HasSubstr("none.jsonl: cannot be opened: No such file"));
}

}  // namespace
}  // namespace llm::io
