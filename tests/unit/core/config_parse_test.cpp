// Oracle: hand-written trees and the messages a user should read.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config_fixture.h"
#include "llm/core/check.h"
#include "llm/core/error.h"
#include "support/error_text.h"

namespace llm::core {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

ConfigNode at(ConfigNode node, int line, int column) {
  node.position = {"run.json", line, column};
  node.key_position = {"run.json", line, 3};
  return node;
}

ConfigNode object(std::vector<std::pair<std::string, ConfigNode>> members) {
  ConfigNode node;
  node.kind = ConfigNode::Kind::kObject;
  node.members = std::move(members);
  return at(node, 1, 1);
}

ConfigNode list(std::vector<ConfigNode> items) {
  ConfigNode node;
  node.kind = ConfigNode::Kind::kArray;
  node.items = std::move(items);
  return at(node, 2, 12);
}

RunConfigFixture parse(const ConfigNode& root) {
  RunConfigFixture config;
  parse_config(root, config);
  return config;
}

std::string refusal(const ConfigNode& root) {
  return test::error_text<ConfigError>([&] { parse(root); });
}

TEST(ConfigParse, FillsEveryKindOfField) {
  const auto config = parse(object({
      {"name", make_node("first")},
      {"steps", make_node(int64_t{7})},
      {"resume", make_node(false)},
      {"seed", make_node(int64_t{3})},
      {"note", make_node("hi")},
      {"milestones", list({make_node(int64_t{1}), make_node(int64_t{2})})},
      {"tags", list({})},
      {"optim", object({{"lr", make_node(0.5)}, {"schedule", make_node("constant")}})},
      {"sources", list({object({{"path", make_node("x")}, {"weight", make_node(int64_t{2})}})})},
  }));
  EXPECT_EQ(config.name, "first");
  EXPECT_EQ(config.steps, 7);
  EXPECT_FALSE(config.resume);
  EXPECT_EQ(config.seed, 3);
  EXPECT_EQ(config.note, "hi");
  EXPECT_THAT(config.milestones, ElementsAre(1, 2));
  EXPECT_TRUE(config.tags.empty());
  EXPECT_EQ(config.optim.lr, 0.5);
  EXPECT_EQ(config.optim.schedule, Schedule::kConstant);
  ASSERT_EQ(config.sources.size(), 1u);
  EXPECT_EQ(config.sources[0].path, "x");
  EXPECT_EQ(config.sources[0].weight, 2.0);
}

TEST(ConfigParse, KeepsDefaultsOfWhatIsNotNamed) {
  const auto config = parse(object({{"optim", object({})}}));
  EXPECT_EQ(config.steps, 100);
  EXPECT_THAT(config.tags, ElementsAre("a"));
  EXPECT_EQ(config.optim.schedule, Schedule::kCosine);
}

TEST(ConfigParse, NullSwitchesAnOptionalFieldOff) {
  const auto config = parse(object({{"optim", object({{"max_norm", ConfigNode{}}})}}));
  EXPECT_FALSE(config.optim.max_norm.has_value());
  EXPECT_THAT(refusal(object({{"steps", at(ConfigNode{}, 4, 9)}})),
              HasSubstr("run.json:4:9: steps: expected a whole number, got null"));
}

TEST(ConfigParse, WholeNumbersMayBeWrittenAsPowers) {
  EXPECT_EQ(parse(object({{"steps", make_node(1e9)}})).steps, 1'000'000'000);
  EXPECT_THAT(refusal(object({{"steps", at(make_node(1.5), 2, 8)}})),
              HasSubstr("run.json:2:8: steps: expected a whole number, got 1.5"));
  EXPECT_THAT(refusal(object({{"steps", make_node(1e300)}})), HasSubstr("a whole number"));
}

TEST(ConfigParse, UnknownKeyNamesPlaceAndNearestName) {
  const auto optim = object({{"learning_rate", at(make_node(1.0), 12, 20)}});
  EXPECT_EQ(refusal(object({{"optim", optim}})),
            "run.json:12:3: optim.learning_rate: expected a known key, got \"learning_rate\". "
            "Did you mean \"lr\"? Known here: lr, betas, max_norm, schedule");
  EXPECT_THAT(refusal(object({{"stpes", make_node(1.0)}})), HasSubstr("Did you mean \"steps\"?"));
}

TEST(ConfigParse, UnknownKeyInAListEntryIsNumbered) {
  const auto second = object({{"pth", make_node("x")}});
  EXPECT_THAT(refusal(object({{"sources", list({object({}), second})}})),
              HasSubstr("sources[1].pth: expected a known key"));
}

TEST(ConfigParse, WrongTypesSayWhatStandsThere) {
  EXPECT_THAT(refusal(object({{"name", make_node(true)}})),
              HasSubstr("name: expected a string in double quotes, got true"));
  EXPECT_THAT(refusal(object({{"resume", make_node("yes")}})),
              HasSubstr("resume: expected true or false, got \"yes\""));
  EXPECT_THAT(refusal(object({{"optim", make_node(1.0)}})),
              HasSubstr("optim: expected an object, got 1"));
  EXPECT_THAT(refusal(object({{"tags", make_node("a")}})),
              HasSubstr("tags: expected a list, as in [ ... ], got \"a\""));
  EXPECT_THAT(refusal(object({{"sources", list({make_node("a")})}})),
              HasSubstr("sources[0]: expected an object, got \"a\""));
  EXPECT_THAT(refusal(make_node(1.0)), HasSubstr("the configuration: expected an object, got 1"));
}

TEST(ConfigParse, ValuesOutOfRangeSayTheRange) {
  const auto optim = [](const char* name, ConfigNode value) {
    return refusal(object({{"optim", object({{name, std::move(value)}})}}));
  };
  EXPECT_THAT(
      optim("lr", at(make_node(0.0), 3, 9)),
      HasSubstr("run.json:3:9: optim.lr: expected a number > 0, got 0. Peak learning rate"));
  EXPECT_THAT(optim("betas", list({make_node(0.9), make_node(1.0)})),
              HasSubstr("optim.betas[1]: expected a number in [0, 1), got 1"));
  EXPECT_THAT(optim("max_norm", make_node(-1.0)), HasSubstr(">= 0, got -1"));
}

TEST(ConfigParse, EnumsListTheirNames) {
  const auto optim = object({{"schedule", make_node("cosin")}});
  EXPECT_THAT(refusal(object({{"optim", optim}})),
              HasSubstr("expected one of \"constant\", \"cosine\", got \"cosin\". "
                        "Did you mean \"cosine\"?"));
}

struct TwiceListed {
  double a = 0;
  template <class V>
  void visit(V& v) {
    v.field("a", a, "");
    v.field("a", a, "");
  }
};

TEST(ConfigParse, AFieldListedTwiceIsABug) {
  TwiceListed config;
  EXPECT_THROW(parse_config(object({}), config), ContractViolation);
}

}  // namespace
}  // namespace llm::core
