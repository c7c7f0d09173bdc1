// Oracle: records written by TensorBoard's own code (scripts/goldens/make_tfevents.py); CRC32C
// values of RFC 3720.
#include "llm/io/tfevents.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cstring>
#include <vector>

#include "llm/core/error.h"
#include "support/paths.h"
#include "support/temp_directory.h"

namespace llm::io {
namespace {

template <class T>
T number_at(const std::string& bytes, size_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

uint32_t masked(std::string_view bytes) { return std::rotr(crc32c(bytes), 15) + 0xA282EAD8u; }

// The payloads of a file, frames checked, with the 8 bytes of the wall time zeroed.
std::vector<std::string> payloads(const std::string& bytes) {
  std::vector<std::string> out;
  for (size_t at = 0; at < bytes.size();) {
    const auto length = number_at<uint64_t>(bytes, at);
    EXPECT_EQ(number_at<uint32_t>(bytes, at + 8), masked(bytes.substr(at, 8)));
    std::string payload = bytes.substr(at + 12, length);
    EXPECT_EQ(number_at<uint32_t>(bytes, at + 12 + length), masked(payload));
    EXPECT_EQ(payload[0], '\x09');
    EXPECT_GT(number_at<double>(payload, 1), 0);
    payload.replace(1, 8, 8, '\0');
    out.push_back(payload);
    at += 16 + length;
  }
  return out;
}

TEST(Crc32c, MatchesTheKnownValues) {
  EXPECT_EQ(crc32c("123456789"), 0xE3069283u);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAu);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62A8AB43u);
  EXPECT_EQ(crc32c(""), 0u);
}

TEST(TfEvents, WritesTensorBoardsBytes) {
  const test::TempDirectory directory;
  TfEventsWriter writer(directory.path());
  writer.write_session_start(0);
  const std::vector<ScalarSummary> scalars{{"train/loss", 2.5}, {"lr", 3e-4}};
  writer.write_scalars(300, scalars);
  writer.write_session_start(int64_t{1} << 40);
  const auto golden = test::source_dir() / "tests/golden/io/scalars.tfevents";
  // Read while the writer is open: every record has reached the system.
  EXPECT_EQ(payloads(test::read_bytes(writer.path())), payloads(test::read_bytes(golden)));
}

TEST(TfEvents, FilesOfOneSecondHaveDifferentNames) {
  const test::TempDirectory directory;
  const TfEventsWriter first(directory.path()), second(directory.path());
  EXPECT_NE(first.path(), second.path());
  EXPECT_LT(first.path(), second.path());
  EXPECT_THAT(first.path().filename().string(), ::testing::StartsWith("events.out.tfevents."));
}

TEST(TfEvents, MissingFolderIsAnError) {
  const test::TempDirectory directory;
  EXPECT_THROW(TfEventsWriter(directory / "none"), core::IoError);
}

}  // namespace
}  // namespace llm::io
