// Oracle: parse(dump(x)) == x, and hand-written texts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config_fixture.h"

namespace llm::core {
namespace {

using ::testing::HasSubstr;

RunConfigFixture changed_config() {
  RunConfigFixture config;
  config.name = "a \"quoted\"\nname";
  config.steps = 9'007'199'254'740'993;
  config.seed = -1;
  config.milestones = {1, 2, 3};
  config.optim.lr = 0.1;
  config.optim.max_norm.reset();
  config.optim.schedule = Schedule::kConstant;
  config.sources = {{"x", 0.25}, {"y", 4}};
  return config;
}

TEST(ConfigDump, ParsesBackToTheSameConfig) {
  const ConfigNode dumped = dump_config(changed_config());
  RunConfigFixture parsed;
  parse_config(dumped, parsed);
  EXPECT_TRUE(diff_config(dumped, dump_config(parsed)).empty());
  EXPECT_EQ(parsed.steps, 9'007'199'254'740'993);
  EXPECT_EQ(parsed.name, "a \"quoted\"\nname");
  EXPECT_EQ(parsed.sources.at(1).path, "y");
  EXPECT_FALSE(parsed.optim.max_norm.has_value());
}

TEST(ConfigDump, ListsEveryFieldInOrder) {
  EXPECT_EQ(json_text(dump_config(OptimConfig{})),
            R"({"lr": 0.0003, "betas": [0.9, 0.95], "max_norm": 1, "schedule": "cosine"})");
}

TEST(ConfigDiff, NamesWhatDiffersByDottedKey) {
  ConfigNode before = dump_config(RunConfigFixture{});
  ConfigNode after = dump_config(changed_config());
  before.members.emplace_back("gone", make_node(true));
  after.members.emplace_back("added", make_node("x"));
  after.find("name")->text = "run";
  std::vector<std::string> lines;
  for (const auto& d : diff_config(before, after)) {
    lines.push_back(d.key + ": " + d.before + " -> " + d.after);
  }
  EXPECT_THAT(lines, ::testing::ElementsAre("steps: 100 -> 9007199254740993", "seed: null -> -1",
                                            "milestones: [] -> [1, 2, 3]",
                                            "optim.lr: 0.0003 -> 0.1", "optim.max_norm: 1 -> null",
                                            "optim.schedule: \"cosine\" -> \"constant\"",
                                            "sources: [] -> [{\"path\": \"x\", \"weight\": 0.25}, "
                                            "{\"path\": \"y\", \"weight\": 4}]",
                                            "gone: true -> (absent)", "added: (absent) -> \"x\""));
}

TEST(ConfigDiff, GoesIntoListsOfEqualLength) {
  auto config = changed_config();
  const ConfigNode before = dump_config(config);
  config.sources[1].weight = 5;
  const auto differences = diff_config(before, dump_config(config));
  ASSERT_EQ(differences.size(), 1u);
  EXPECT_EQ(differences[0].key, "sources[1].weight");
}

TEST(ConfigDiff, ANumberIsTheSameHoweverItIsWritten) {
  EXPECT_TRUE(diff_config(make_node(int64_t{1}), make_node(1.0)).empty());
  EXPECT_FALSE(diff_config(make_node(int64_t{1}), make_node("1")).empty());
  EXPECT_FALSE(
      diff_config(make_node(int64_t{9007199254740993}), make_node(int64_t{9007199254740992}))
          .empty());
}

TEST(ConfigHelp, HasOneLinePerField) {
  const std::string help = config_help(RunConfigFixture{});
  EXPECT_THAT(help, HasSubstr("\n\noptim: the optimizer\n"));
  EXPECT_THAT(help, HasSubstr("  optim.lr                           number = 0.0003, > 0: peak "
                              "learning rate\n"));
  EXPECT_THAT(help, HasSubstr(" constant|cosine = \"cosine\": how the rate falls\n"));
  EXPECT_THAT(help, HasSubstr(" whole number or null = null: of everything random\n"));
  EXPECT_THAT(help, HasSubstr("  sources[].weight "));
}

const ConfigNode& step(const ConfigNode& node, std::initializer_list<const char*> path) {
  const ConfigNode* at = &node;
  for (const char* name : path) {
    at = at->find(name);
    if (at == nullptr) throw std::runtime_error(name);
  }
  return *at;
}

TEST(ConfigSchema, DescribesTypesRangesAndChoices) {
  const ConfigNode schema = config_schema(RunConfigFixture{});
  EXPECT_EQ(step(schema, {"$schema"}).text, "https://json-schema.org/draft/2020-12/schema");
  EXPECT_FALSE(step(schema, {"additionalProperties"}).boolean);
  EXPECT_EQ(
      json_text(step(schema, {"properties", "steps"})),
      R"({"type": "integer", "minimum": 1, "description": "optimizer steps", "default": 100})");
  EXPECT_EQ(json_text(step(schema, {"properties", "seed", "type"})), R"(["integer", "null"])");
  const ConfigNode& optim = step(schema, {"properties", "optim"});
  EXPECT_EQ(step(optim, {"description"}).text, "the optimizer");
  EXPECT_EQ(json_text(step(optim, {"properties", "schedule", "enum"})),
            R"(["constant", "cosine"])");
  EXPECT_EQ(json_text(step(optim, {"properties", "betas", "items"})),
            R"({"type": "number", "minimum": 0, "exclusiveMaximum": 1})");
}

TEST(ConfigSchema, DescribesTheEntriesOfAnEmptyList) {
  const ConfigNode schema = config_schema(RunConfigFixture{});
  const ConfigNode& weight =
      step(schema, {"properties", "sources", "items", "properties", "weight"});
  EXPECT_EQ(json_text(step(weight, {"exclusiveMinimum"})), "0");
  EXPECT_FALSE(step(schema, {"properties", "sources", "items", "additionalProperties"}).boolean);
}

// Names that an editor may write beside the settings.
TEST(ConfigSchema, AllowsExtendsAndItsOwnAddress) {
  const ConfigNode schema = config_schema(RunConfigFixture{});
  EXPECT_EQ(step(schema, {"properties", "extends", "type"}).text, "string");
  EXPECT_EQ(step(schema, {"properties", "$schema", "type"}).text, "string");
}

}  // namespace
}  // namespace llm::core
