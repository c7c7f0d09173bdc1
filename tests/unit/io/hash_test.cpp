// Oracle: known values of the xxHash specification's test vectors; streaming == one call.
#include "llm/io/hash.h"

#include <gtest/gtest.h>

#include <random>

#include "llm/core/error.h"
#include "support/temp_directory.h"

namespace llm::io {
namespace {

TEST(Hash, MatchesKnownValues) {
  EXPECT_EQ(xxh3(std::string_view("")), 0x2D06800538D394C2u);
  EXPECT_EQ(hex64(xxh3(std::string_view("abc"))), "78af5f94892f3950");
  EXPECT_NE(xxh3(std::string_view("abc"), 1), xxh3(std::string_view("abc")));
}

TEST(Hash, StreamingAndFileEqualOneCall) {
  const test::TempDirectory directory;
  std::mt19937 random(1);
  std::string text((size_t{1} << 20) + 777, '\0');
  for (char& c : text) c = static_cast<char>(random());
  Xxh3 hash;
  for (size_t begin = 0, step = 1; begin < text.size(); begin += step, step = step * 3 + 1) {
    const std::string_view part = std::string_view(text).substr(begin, step);
    hash.update(std::as_bytes(std::span(part)));
  }
  EXPECT_EQ(hash.digest(), xxh3(text));
  EXPECT_EQ(xxh3_file(directory.file("x", text)), xxh3(text));
  EXPECT_THROW(xxh3_file(directory / "none"), core::IoError);
}

TEST(Hash, HexRoundTripsAndRefusesOtherTexts) {
  for (const uint64_t value : {uint64_t{0}, uint64_t{0xABC}, UINT64_MAX}) {
    EXPECT_EQ(parse_hex64(hex64(value), ""), value);
  }
  for (const char* text : {"", "12", "00000000000000zz", "0000000000000ABC", "-000000000000001",
                           "00000000000000001"}) {
    EXPECT_THROW(parse_hex64(text, "manifest"), core::FormatError) << text;
  }
}

}  // namespace
}  // namespace llm::io
