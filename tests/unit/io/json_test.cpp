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

std::string nested(int levels, const std::string& open, const std::string& close) {
  std::string text;
  for (int i = 0; i < levels; ++i) text += open;
  text += "1";
  for (int i = 0; i < levels; ++i) text += close;
  return text;
}

TEST(Json, DepthIsLimitedAndTheBracketTooManyIsNamed) {
  const auto check = [](auto&& parse, const std::string& open, const std::string& close) {
    const std::string deepest = nested(512, open, close);
    EXPECT_EQ(parse(deepest).dump(), deepest);
    for (const int levels : {513, 100000}) {
      const std::string place = "f.json:1:" + std::to_string(512 * open.size() + 1);
      EXPECT_EQ(test::error_text<core::FormatError>([&] { parse(nested(levels, open, close)); }),
                place + ": expected at most 512 levels of JSON, got more");
    }
  };
  for (const auto& [open, close] : {std::pair("[", "]"), std::pair("{\"a\":", "}")}) {
    check([](const std::string& text) { return parse_json(text, "f.json"); }, open, close);
    check([](const std::string& text) { return parse_json_unique(text, "f.json"); }, open, close);
    check([](const std::string& text) { return parse_ordered_json(text, "f.json"); }, open, close);
    check([](const std::string& text) { return parse_ordered_json_unique(text, "f.json"); }, open,
          close);
  }
  EXPECT_THAT(refusal("[\n" + nested(512, "[", "]") + "]"), StartsWith("f.json:2:512: "));
}

TEST(Json, OnlyOpenBracketsOutsideStringsAreLevels) {
  const std::string brackets(600, '[');
  for (const std::string& value :
       {"\"" + brackets + "\"", "\"\\\"" + brackets + "\"", "\"\\\\\",\"" + brackets + "\""})
    EXPECT_EQ(parse_ordered_json("[" + value + "]", "").dump(), "[" + value + "]");
  std::string wide = "[";
  for (int i = 0; i < 600; ++i) wide += "[],{},";
  EXPECT_EQ(parse_json(wide + "0]", "").size(), 1201u);
  EXPECT_THAT(refusal("[\"" + brackets), HasSubstr("missing closing quote"));
}

TEST(Json, IsJsonLooksAtAnyDepth) {
  EXPECT_TRUE(is_json(" {\"a\": [1, null]}"));
  EXPECT_TRUE(is_json(nested(100000, "[", "]")));
  EXPECT_FALSE(is_json(""));
  EXPECT_FALSE(is_json("a"));
  EXPECT_FALSE(is_json("[1"));
}

TEST(Json, BytesThatAreNoUtf8AreReplacedInText) {
  EXPECT_EQ(dump_json({{"path", "d\xff"}, {"n", 1}}), "{\"path\":\"d\xEF\xBF\xBD\",\"n\":1}");
  EXPECT_EQ(dump_json({{"é", {1}}}, 2), "{\n  \"é\": [\n    1\n  ]\n}");
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

TEST(Json, AnEmptyFileIsCalledEmpty) {
  const test::TempDirectory dir;
  const auto path = dir.file("x.json", "");
  for (const auto& read :
       {+[](const std::filesystem::path& p) { read_json_file(p); },
        +[](const std::filesystem::path& p) { read_ordered_json_file(p); },
        +[](const std::filesystem::path& p) { read_ordered_json_file_unique(p); }})
    EXPECT_THAT(test::error_text<core::FormatError>([&] { read(path); }),
                StartsWith(path.string() + ": expected JSON, got an empty file"));
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
