// Oracle: hand-counted lines and columns.
#include "llm/io/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "llm/core/error.h"
#include "support/error_text.h"
#include "support/temp_directory.h"

namespace llm::io {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string refusal(std::string_view text) {
  return test::error_text<core::FormatError>([&] { parse_json(text, "f.json"); });
}

TEST(Json, ErrorsNameLineAndColumn) {
  EXPECT_THAT(refusal("{\n  \"a\": tru\n}"), StartsWith("f.json:2:11: expected valid JSON, got "));
  EXPECT_THAT(refusal("{\"é\" 1}"), StartsWith("f.json:1:6: "));
  EXPECT_THAT(refusal("[1, 2"), StartsWith("f.json:1:6: "));  // the last character read
  EXPECT_THAT(refusal(""), StartsWith("f.json:1:1: "));
}

TEST(Json, ErrorsSayWhatWasWrongInPlainWords) {
  EXPECT_THAT(refusal("[1 2]"), HasSubstr("got number literal in place of ']'"));
  EXPECT_THAT(refusal("{\"a\": tru\n}"), EndsWith("got invalid literal"));
  EXPECT_THAT(refusal(""), HasSubstr("got end of input"));
  EXPECT_THAT(refusal("[\"\xff\"]"), HasSubstr("UTF-8"));
  EXPECT_THAT(refusal("[1e999]"), HasSubstr("number overflow"));
  for (const char* text : {"[1 2]", "", "{", "[\"\\x\"]", "{\"a\" 1}", "nul", "[1,]", "\"abc"}) {
    EXPECT_THAT(refusal(text), ::testing::Not(::testing::AnyOf(
                                   HasSubstr("json.exception"), HasSubstr("syntax error"),
                                   HasSubstr("last read"), HasSubstr("got unexpected"))))
        << text;
  }
}

TEST(Json, OrderedFormKeepsTheOrder) {
  EXPECT_EQ(parse_ordered_json(R"({"b":1,"a":2})", "").dump(), R"({"b":1,"a":2})");
  EXPECT_EQ(parse_json(R"({"b":1,"a":2})", "").dump(), R"({"a":2,"b":1})");
}

TEST(Json, UniqueFormRefusesAKeyTwiceInOneObjectOnly) {
  EXPECT_EQ(parse_json_unique(R"({"a":{"a":1},"b":[{"a":2}]})", "").size(), 2u);
  EXPECT_THAT(test::error_text<core::FormatError>(
                  [] { parse_json_unique(R"({"x":{"a":1,"b":2,"a":3}})", "f"); }),
              HasSubstr("\"a\" twice"));
  EXPECT_THAT(test::error_text<core::FormatError>(
                  [] { parse_ordered_json_unique(R"({"b":1,"a":1,"b":2})", "f"); }),
              HasSubstr("\"b\" twice"));
  EXPECT_EQ(parse_ordered_json_unique(R"({"b":1,"a":2})", "").dump(), R"({"b":1,"a":2})");
}

TEST(Json, FilesAreNamedInErrors) {
  const test::TempDirectory directory;
  const auto path = directory.file("x.json", "{]");
  EXPECT_THAT(test::error_text<core::FormatError>([&] { read_json_file(path); }),
              StartsWith(path.string() + ":1:2: "));
  EXPECT_THAT(test::error_text<core::IoError>([&] { read_json_file(directory / "none.json"); }),
              HasSubstr("none.json: cannot be opened: No such file or directory. Check the path"));
  EXPECT_THAT(test::error_text<core::IoError>([&] { read_json_file(directory.path()); }),
              HasSubstr("Name a file, not a folder"));
}

}  // namespace
}  // namespace llm::io
