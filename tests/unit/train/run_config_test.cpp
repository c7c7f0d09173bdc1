// Oracle: hand-computed plans and the messages a user must be able to act on.
#include "llm/train/run_config.h"

#include <gtest/gtest.h>

#include "llm/core/error.h"

namespace llm::train {
namespace {

RunConfig valid() {
  RunConfig config;
  config.model.config = "m.json";
  config.train.max_steps = 10;
  config.train.batch_tokens = 4096;
  config.train.micro_batch_rows = 4;
  config.data.context_length = 256;
  return config;
}

std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const core::ConfigError& error) {
    return error.what();
  }
  return "no error";
}

TEST(RunConfig, PlansMicroBatches) {
  const BatchPlan plan = plan_batch(valid());
  EXPECT_EQ(plan.micro_batches, 4);
  EXPECT_EQ(plan.rows_per_step, 16);
  EXPECT_EQ(plan.tokens_per_step, 4096);
}

TEST(RunConfig, ABatchThatDoesNotDivideNamesTheNearestThatDo) {
  RunConfig config = valid();
  config.train.batch_tokens = 5000;
  const std::string message = message_of([&] { plan_batch(config); });
  EXPECT_NE(message.find("Set 4096 or 5120"), std::string::npos) << message;
}

TEST(RunConfig, LengthIsStepsOrTokensOrEpochs) {
  RunConfig config = valid();
  EXPECT_EQ(total_steps(config, plan_batch(config), 1000), 10);
  config.train.max_steps = 0;
  config.train.max_tokens = 10000;
  EXPECT_EQ(total_steps(config, plan_batch(config), 1000), 3);
  config.train.max_tokens = 0;
  config.train.epochs = 1.5;
  EXPECT_EQ(total_steps(config, plan_batch(config), 160), 15);
}

TEST(RunConfig, SizesWhoseProductOverflowsAreRefused) {
  RunConfig config = valid();
  config.train.micro_batch_rows = 1 << 20;
  config.data.context_length = 1 << 20;
  EXPECT_NE(message_of([&] { plan_batch(config); }).find("1048576 x 1048576"), std::string::npos);
  config = valid();
  config.train.max_steps = int64_t{1} << 62;
  EXPECT_NE(message_of([&] { total_steps(config, plan_batch(config), 0); }).find("a run of at"),
            std::string::npos);
  config.train.max_steps = 0;
  config.train.epochs = 1e300;
  EXPECT_NE(message_of([&] { total_steps(config, plan_batch(config), 7); }).find("a run of at"),
            std::string::npos);
}

TEST(RunConfig, FieldsAreBounded) {
  RunConfig config;
  core::ConfigNode root;
  root.kind = core::ConfigNode::Kind::kObject;
  core::set_path(root, "train.micro_batch_rows", core::make_node(int64_t{4294967296}));
  EXPECT_NE(message_of([&] { core::parse_config(root, config); }).find("2147483647"),
            std::string::npos);
}

TEST(RunConfig, EpochsNeedData) {
  RunConfig config = valid();
  config.train.max_steps = 0;
  config.train.epochs = 1;
  EXPECT_NE(message_of([&] { total_steps(config, plan_batch(config), 0); }).find("data.path"),
            std::string::npos);
}

TEST(RunConfig, PatienceNeedsValidations) {
  RunConfig config = valid();
  config.eval.patience = 3;
  config.eval.every_steps = 0;
  EXPECT_NE(message_of([&] { validate(config); }).find("eval.every_steps"), std::string::npos);
}

TEST(RunConfig, RefusesTwoLengthsAndTwoModels) {
  RunConfig config = valid();
  config.train.epochs = 1;
  EXPECT_NE(message_of([&] { validate(config); }).find("2 of them"), std::string::npos);
  config = valid();
  config.model.init_from = "dir";
  EXPECT_NE(message_of([&] { validate(config); }).find("both"), std::string::npos);
}

TEST(RunConfig, ResumeRefusesWhatWouldChangeTheRunByName) {
  RunConfig before = valid(), after = valid();
  after.train.seed = 3;
  after.optim.lr = 1e-5;
  after.log.every_steps = 99;
  const auto differences = compare_for_resume(core::dump_config(before), core::dump_config(after));
  ASSERT_EQ(differences.refused.size(), 1u);
  EXPECT_EQ(differences.refused[0].key, "train.seed");
  ASSERT_EQ(differences.noted.size(), 1u);
  EXPECT_EQ(differences.noted[0].key, "optim.lr");
}

}  // namespace
}  // namespace llm::train
