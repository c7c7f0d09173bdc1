// Oracle: hand-counted positions; nlohmann::json for the values of comment-free texts.
#include "llm/io/config_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "llm/core/error.h"
#include "support/error_text.h"
#include "support/temp_directory.h"

namespace llm::io {
namespace {

using core::ConfigError;
using core::ConfigNode;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string refusal(std::string_view text) {
  return test::error_text<ConfigError>([&] { parse_config_json(text, "run.json"); });
}

TEST(ConfigJson, ReadsWhatAJsonParserReads) {
  const std::string text = R"({"a": [1, -2, 0, 1.5, 1e3, -0.0, 9223372036854775807], "b": {},
      "c": "\u00e9\ud83d\ude00\n\"\\\/", "d": [true, false, null, []], "é": "한"})";
  EXPECT_EQ(to_json(parse_config_json(text, "")), OrderedJson::parse(text));
}

TEST(ConfigJson, AllowsCommentsTrailingCommasAndAByteOrderMark) {
  const std::string text =
      "\xEF\xBB\xBF// head\n{ /* a\n b */ \"a\": [1, 2, /*x*/], // end\n"
      "  \"url\": \"http://x /* no comment */\", }\n// tail";
  EXPECT_EQ(to_json(parse_config_json(text, "")).dump(),
            R"({"a":[1,2],"url":"http://x /* no comment */"})");
}

TEST(ConfigJson, RemembersWhereKeysAndValuesStand) {
  const auto root = parse_config_json("{\n  \"é\": {\"b\":\n\t 7}\n}", "run.json");
  const ConfigNode& b = *root.find("é")->find("b");
  EXPECT_EQ(root.find("é")->key_position.text(), "run.json:2:3");
  EXPECT_EQ(root.find("é")->position.text(), "run.json:2:8");
  EXPECT_EQ(b.key_position.text(), "run.json:2:9");
  EXPECT_EQ(b.position.text(), "run.json:3:3");
}

TEST(ConfigJson, TellsWholeNumbersFromOthers) {
  const auto root = parse_config_json("[1, 1.0, 1e0]", "");
  EXPECT_EQ(root.items[0].kind, ConfigNode::Kind::kInt);
  EXPECT_EQ(root.items[0].real, 1.0);
  EXPECT_EQ(root.items[1].kind, ConfigNode::Kind::kFloat);
  EXPECT_EQ(root.items[2].kind, ConfigNode::Kind::kFloat);
}

TEST(ConfigJson, DuplicateKeysNameBothPlaces) {
  EXPECT_EQ(refusal("{\n  \"lr\": 1,\n  \"b\": 2,\n    \"lr\": 3\n}"),
            "run.json:4:5: expected every key once, got \"lr\" again. It stands first at "
            "run.json:2:3; remove one of the two");
}

TEST(ConfigJson, SyntaxErrorsSayWhatToDo) {
  EXPECT_EQ(refusal("{\"a\": 1\n \"b\": 2}"),
            "run.json:2:2: expected ',' or '}', got '\"'. Is a comma missing before this?");
  EXPECT_EQ(refusal("{a: 1}"), "run.json:1:2: expected a key in double quotes, got \"a\"");
  EXPECT_EQ(refusal("{\"a\" 1}"), "run.json:1:6: expected ':' after the key \"a\", got \"1\"");
  EXPECT_EQ(refusal("{\"a\": True}"),
            "run.json:1:7: expected a value, got \"True\". Strings stand in double quotes; other "
            "words are true, false and null");
  EXPECT_THAT(refusal("{\"a\": 'x'}"), HasSubstr("got '''. Strings stand in double quotes"));
  EXPECT_EQ(refusal("{\"a\": [1, 2}"),
            "run.json:1:12: expected ',' or ']', got '}'. Is a comma missing before this?");
  EXPECT_EQ(refusal("{\n\"a\": [1,\n"),
            "run.json:3:1: expected ']', got the end of the file. The list began at line 2");
  EXPECT_EQ(refusal("{} x"), "run.json:1:4: expected the end of the file, got \"x\"");
  EXPECT_EQ(refusal("// nothing\n"),
            "run.json:2:1: expected a configuration object { ... }, got an empty file");
  EXPECT_THAT(refusal("{,}"), HasSubstr("expected a key in double quotes, got ','"));
  EXPECT_THAT(refusal("[1,,2]"), HasSubstr("run.json:1:4: expected a value, got ','"));
  EXPECT_THAT(refusal("[1] /* x"), HasSubstr("run.json:1:5: expected '*/' that ends the comment"));
}

TEST(ConfigJson, BadStringsAreNamed) {
  EXPECT_THAT(refusal("[\"abc\n\"]"), HasSubstr("run.json:1:2: expected a closing '\"'"));
  EXPECT_THAT(refusal(R"(["a\q"])"), HasSubstr("run.json:1:4: expected an escape"));
  EXPECT_THAT(refusal(R"(["\u12G4"])"), HasSubstr("four hexadecimal digits"));
  EXPECT_THAT(refusal(R"(["\ud800"])"), HasSubstr("surrogate pair"));
  EXPECT_THAT(refusal(R"(["\ud800\u0041"])"), HasSubstr("surrogate pair"));
  EXPECT_THAT(refusal("[\"a\tb\"]"), HasSubstr("byte 0x09"));
  EXPECT_EQ(refusal("{\n\"a\": \"\xe9t\"}"),
            "run.json:2:7: expected UTF-8 text, got byte 0xe9. Save the file as UTF-8");
}

TEST(ConfigJson, OverlongAndSurrogateBytesAreNoUtf8) {
  for (const char* bytes : {"\xC0\x80", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xF0\x8F\xBF\xBF",
                            "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\x80", "\xE2\x82"}) {
    EXPECT_THAT(refusal("[\"" + std::string(bytes) + "\"]"), HasSubstr("expected UTF-8 text"));
  }
  const std::string edges =
      "[\"\xC2\x80\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xF0\x90\x80\x80\xF4\x8F\xBF\xBF\"]";
  EXPECT_EQ(refusal(edges), "no exception");
}

TEST(ConfigJson, BadNumbersAreNamed) {
  for (const char* text : {"01", "1.", ".5", "+1", "1e", "0x10", "1_000", "-", "1.5.2", "NaN"}) {
    EXPECT_THAT(refusal(text), StartsWith("run.json:1:1: expected ")) << text;
  }
  EXPECT_THAT(refusal("9223372036854775808"), HasSubstr("63 bits"));
  EXPECT_THAT(refusal("1e999"), HasSubstr("1e308"));
}

TEST(ConfigJson, DepthIsBounded) {
  EXPECT_THAT(refusal(std::string(100'000, '[')), HasSubstr("at most 100 levels"));
}

class ConfigFile : public ::testing::Test {
 protected:
  std::string load(const std::string& name) {
    return to_json(load_config_file(directory_ / name)).dump();
  }
  std::string refusal_of(const std::string& name) {
    return test::error_text<core::Error>([&] { load(name); });
  }
  test::TempDirectory directory_;
};

TEST_F(ConfigFile, ExtendingFileWins) {
  std::filesystem::create_directory(directory_ / "sub");
  directory_.file("sub/base.json", R"({"extends": "root.json", "a": {"x": 2, "y": 2}})");
  directory_.file("sub/root.json", R"({"a": {"x": 1, "z": 1}, "b": [1, 2]})");
  directory_.file("run.json",
                  R"({"extends": "sub/base.json", "$schema": "s", "a": {"y": 3}, "b": []})");
  EXPECT_EQ(load("run.json"), R"({"a":{"x":2,"z":1,"y":3},"b":[]})");
}

TEST_F(ConfigFile, ValuesKeepTheFileTheyCameFrom) {
  directory_.file("base.json", "{\"a\": 1}");
  directory_.file("run.json", "{\"extends\": \"base.json\",\n \"b\": 2}");
  const ConfigNode root = load_config_file(directory_ / "run.json");
  EXPECT_THAT(root.find("a")->position.text(), HasSubstr("base.json:1:7"));
  EXPECT_THAT(root.find("b")->position.text(), HasSubstr("run.json:2:7"));
}

TEST_F(ConfigFile, CirclesAreRefused) {
  directory_.file("a.json", R"({"extends": "b.json"})");
  directory_.file("b.json", R"({"extends": "./a.json"})");
  EXPECT_THAT(refusal_of("a.json"),
              AllOf(HasSubstr("b.json:1:13: extends: "), HasSubstr("leads back here")));
}

TEST_F(ConfigFile, MissingFilesSayWhoAsked) {
  EXPECT_THAT(refusal_of("none.json"), HasSubstr("none.json: cannot be opened"));
  directory_.file("a.json", R"({"extends": "nowhere.json"})");
  EXPECT_THAT(refusal_of("a.json"),
              AllOf(HasSubstr("a.json:1:13: extends: "), HasSubstr("nowhere.json. The path is")));
  directory_.file("b.json", R"({"extends": 3})");
  EXPECT_THAT(refusal_of("b.json"), HasSubstr("expected the path of a config file, got 3"));
  directory_.file("c.json", "[1]");
  EXPECT_THAT(refusal_of("c.json"), HasSubstr("configuration object { ... }, got a list"));
}

std::string after_override(const std::string& assignment) {
  ConfigNode root = parse_config_json(R"({"optim": {"lr": 1}, "s": [{"w": 1}]})", "");
  apply_override(root, assignment);
  return to_json(root).dump();
}

TEST(ConfigOverride, BytesThatAreNoUtf8AreRefused) {
  ConfigNode root;
  EXPECT_THAT(
      test::error_text<ConfigError>([&] { apply_override(root, "data.path=odd\xFF.jsonl"); }),
      StartsWith("--set data.path: expected UTF-8 text, got byte 0xff at byte 14"));
}

TEST(ConfigOverride, ReadsJsonOrPlainText) {
  EXPECT_EQ(after_override("optim.lr=3e-4"), R"({"optim":{"lr":0.0003},"s":[{"w":1}]})");
  EXPECT_EQ(after_override("optim=[1, {\"a\": 2}]"), R"({"optim":[1,{"a":2}],"s":[{"w":1}]})");
  EXPECT_EQ(after_override("optim.name=a=b c"),
            R"({"optim":{"lr":1,"name":"a=b c"},"s":[{"w":1}]})");
  EXPECT_EQ(after_override("optim.name="), R"({"optim":{"lr":1,"name":""},"s":[{"w":1}]})");
  EXPECT_EQ(after_override("s.0.w=2"), R"({"optim":{"lr":1},"s":[{"w":2}]})");
}

TEST(ConfigOverride, PositionsSayThatItCameFromTheCommandLine) {
  ConfigNode root;
  apply_override(root, "a=[1]");
  EXPECT_EQ(root.find("a")->position.text(), "--set");
  EXPECT_EQ(root.find("a")->items[0].position.text(), "--set");
}

TEST(ConfigOverride, RefusesWhatIsNoAssignment) {
  for (const char* text : {"optim.lr", "=3", ""}) {
    EXPECT_THAT(test::error_text<ConfigError>([&] { after_override(text); }),
                HasSubstr("--set: expected key=value, as in optim.lr=3e-4"));
  }
}

TEST(ConfigJson, TurnsIntoJsonAndBack) {
  const auto json =
      OrderedJson::parse(R"({"b":[1,-2,0.5,"x",null,true,{}],"a":18446744073709551615})");
  const ConfigNode node = to_config_node(json, "checkpoint");
  EXPECT_EQ(node.find("b")->position.text(), "checkpoint");
  EXPECT_EQ(to_json(node)["b"], json["b"]);
  EXPECT_EQ(node.find("a")->real, 18446744073709551615.0);
}

}  // namespace
}  // namespace llm::io
