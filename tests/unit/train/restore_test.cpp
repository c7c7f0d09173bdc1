// Oracle: a new run whose weights begin as the checkpoint's (model.init_from), bit by bit.
#include "llm/train/restore.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "llm/core/error.h"
#include "llm/io/file.h"
#include "support/error_text.h"
#include "support/prepared_run.h"
#include "train/resume.h"

namespace llm::train {
namespace {

using ::testing::HasSubstr;

TEST(Restore, ListsAreRead) {
  EXPECT_TRUE(parse_restore("all").is_all());
  EXPECT_TRUE(parse_restore("weights,optimizer,step,data").is_all());
  const Restore weights = parse_restore("weights");
  EXPECT_FALSE(weights.optimizer || weights.step || weights.data);
  const Restore some = parse_restore("step,weights");
  EXPECT_TRUE(some.step && !some.optimizer && !some.data);
  for (const char* wrong : {"", "optimizer", "weights,", "weights,moments", "Weights"})
    EXPECT_THROW(parse_restore(wrong), core::ConfigError) << wrong;
}

TEST(Restore, MomentsKeepTheirAgeWhateverTheStepIs) {
  TrainerState saved;
  saved.step = 100;
  saved.next_row = 800;
  saved.tokens = 12800;
  saved.first_optimizer_step = 40;
  saved.skipped = {{.rows = {64, 72}, .step = 9, .cause = "x"}};

  const auto updates = [](const TrainerState& state) {
    return state.step - state.first_optimizer_step;
  };
  EXPECT_EQ(updates(restored_state(saved, {})), 60);
  const TrainerState new_step = restored_state(saved, {.step = false});
  EXPECT_EQ(new_step.step, 0);
  EXPECT_EQ(new_step.tokens, 0);
  EXPECT_EQ(new_step.next_row, 800);
  EXPECT_EQ(updates(new_step), 60);
  const TrainerState new_optimizer = restored_state(saved, {.optimizer = false});
  EXPECT_EQ(new_optimizer.step, 100);
  EXPECT_EQ(updates(new_optimizer), 0);
  const TrainerState new_data = restored_state(saved, {.data = false});
  EXPECT_EQ(new_data.next_row, 0);
  EXPECT_TRUE(new_data.skipped.empty());
}

std::string weights_of(const std::filesystem::path& checkpoint) {
  return io::read_file(checkpoint / "model.safetensors");
}

TEST(Restore, WeightsAloneAreANewRunFromThem) {
  test::PreparedRun run;
  run.train();
  const auto source = run.checkpoint(40);

  run.options.run_directory = run.folder / "restored";
  run.options.restore = parse_restore("weights");
  run.config.train.max_steps = 20;
  run.config.optim.lr = 5e-4;  // another run may have other settings
  const RunSummary restored = run.train(source);
  EXPECT_EQ(restored.first_step, 0);
  EXPECT_EQ(restored.state.step, 20);

  run.options.run_directory = run.folder / "begun";
  run.options.restore = {};
  run.config.model.config = "";
  run.config.model.init_from = source.string();
  const RunSummary begun = run.train();
  EXPECT_EQ(weights_of(restored.checkpoint), weights_of(begun.checkpoint));
}

TEST(Restore, ARunWithNewDataBeginsAtTheFirstRow) {
  test::PreparedRun run;
  run.train();
  const auto source = run.checkpoint(30);
  run.options.run_directory = run.folder / "restored";
  run.options.restore = parse_restore("weights,optimizer,step");
  const RunSummary summary = run.train(source);
  EXPECT_EQ(summary.first_step, 30);
  EXPECT_EQ(summary.state.next_row, 10 * 2);
}

TEST(Restore, ARunThatIsComputedInAnotherWayIsCalledReordered) {
  test::PreparedRun run;
  run.config.train.max_steps = 10;
  run.options.num_threads = 1;
  run.train();
  EXPECT_FALSE(load_state(run.checkpoint(10)).state.is_reordered);
  run.config.train.max_steps = 20;
  run.options.num_threads = 2;
  run.train();
  EXPECT_THAT(run.log(), HasSubstr("the run goes on REORDERED"));
  EXPECT_THAT(run.log(), HasSubstr("(threads 1 -> 2)"));
  EXPECT_TRUE(load_state(run.checkpoint(20)).state.is_reordered);
}

}  // namespace
}  // namespace llm::train
