// Oracle: hand-computed trees and names.
#include "llm/core/config_node.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "llm/core/config.h"
#include "llm/core/error.h"
#include "support/error_text.h"

namespace llm::core {
namespace {

using ::testing::HasSubstr;

ConfigNode with(const std::vector<std::pair<std::string, ConfigNode>>& settings) {
  ConfigNode root;
  for (const auto& [path, value] : settings) set_path(root, path, value);
  return root;
}

TEST(ConfigNode, PositionsReadLikeACompilersMessage) {
  EXPECT_EQ((SourcePosition{"a.json", 3, 7}.text()), "a.json:3:7");
  EXPECT_EQ((SourcePosition{"--set", 0, 0}.text()), "--set");
}

TEST(ConfigNode, JsonTextEscapes) {
  EXPECT_EQ(json_text(make_node("a\"\\\n\x01é")), "\"a\\\"\\\\\\n\\u0001é\"");
}

TEST(SetPath, CreatesObjectsOnTheWay) {
  const ConfigNode root = with({{"a.b.c", make_node(1.5)}, {"a.d", make_node(true)}});
  EXPECT_EQ(json_text(root), R"({"a": {"b": {"c": 1.5}, "d": true}})");
}

TEST(SetPath, ReplacesWhatIsThere) {
  EXPECT_EQ(json_text(with({{"a.b", make_node(1.5)}, {"a", make_node("x")}})), R"({"a": "x"})");
}

TEST(SetPath, StepsIntoListsByNumber) {
  ConfigNode list;
  list.kind = ConfigNode::Kind::kArray;
  list.items.resize(2);
  const ConfigNode root = with({{"a", list}, {"a.1.w", make_node(2.5)}});
  EXPECT_EQ(json_text(root), R"({"a": [null, {"w": 2.5}]})");
  EXPECT_THAT(test::error_text<ConfigError>([&] {
                with({{"a", list}, {"a.2", list}});
              }),
              HasSubstr("Entries of a list are numbered from 0"));
}

TEST(SetPath, RefusesToRunThroughAValue) {
  EXPECT_THAT(test::error_text<ConfigError>([] {
                with({{"a", make_node(1.5)}, {"a.b", ConfigNode{}}});
              }),
              HasSubstr("a.b: expected an object that can hold \"b\", got 1.5"));
}

TEST(SetPath, RefusesEmptyParts) {
  for (const char* path : {"", ".", "a.", ".a", "a..b"}) {
    EXPECT_THROW(with({{path, make_node(true)}}), ConfigError) << path;
  }
}

TEST(Merge, MergesObjectsAndReplacesTheRest) {
  const ConfigNode base = with({{"a.x", make_node(1.5)}, {"a.y", make_node(2.5)}});
  const ConfigNode overlay = with({{"a.y", make_node("new")}, {"b", make_node(true)}});
  EXPECT_EQ(json_text(merge(base, overlay)), R"({"a": {"x": 1.5, "y": "new"}, "b": true})");
  EXPECT_EQ(json_text(merge(base, make_node(true))), "true");
}

TEST(Merge, IsAssociative) {
  const ConfigNode a = with({{"k.x", make_node(1.5)}, {"k.y", make_node("a")}});
  const ConfigNode b = with({{"k.y.z", make_node(true)}});
  const ConfigNode c = with({{"k.x", make_node("c")}, {"k.y.w", make_node(false)}});
  EXPECT_EQ(json_text(merge(merge(a, b), c)), json_text(merge(a, merge(b, c))));
}

TEST(NearestName, FindsTypingErrors) {
  const std::vector<std::string> names{"batch_size", "learning_rate", "warmup_steps", "steps"};
  EXPECT_EQ(nearest_name("batchsize", names), "batch_size");
  EXPECT_EQ(nearest_name("learnign_rate", names), "learning_rate");
  EXPECT_EQ(nearest_name("Warmup-Steps", names), "warmup_steps");
  EXPECT_EQ(nearest_name("setps", names), "steps");
}

TEST(NearestName, FindsAbbreviationsAndFirstWords) {
  EXPECT_EQ(nearest_name("lr", {"batch_size", "learning_rate"}), "learning_rate");
  EXPECT_EQ(nearest_name("learning_rate", {"lr", "eps"}), "lr");
  EXPECT_EQ(nearest_name("warmup", {"steps", "warmup_steps"}), "warmup_steps");
}

TEST(NearestName, StaysSilentWhenNothingIsNear) {
  EXPECT_EQ(nearest_name("zebra", {"lr", "betas", "max_norm"}), "");
  EXPECT_EQ(nearest_name("x", {}), "");
}

TEST(Range, TextsAndLimits) {
  EXPECT_EQ(at_least(0).text(), ">= 0");
  EXPECT_EQ(between(1, 2).text(), "in [1, 2]");
  EXPECT_EQ(Range{}.text(), "");
  EXPECT_TRUE(between_open_high(0, 1).contains(0));
  EXPECT_FALSE(between_open_high(0, 1).contains(1));
  EXPECT_FALSE(more_than(0).contains(0));
}

}  // namespace
}  // namespace llm::core
