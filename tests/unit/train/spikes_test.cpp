// Oracle: a run that was told from its start which rows to leave out, bit by bit.
#include <gtest/gtest.h>

#include <mutex>

#include "llm/core/error.h"
#include "support/ranks.h"
#include "support/tiny_run.h"
#include "train/skip_log.h"

namespace llm::train {
namespace {

// The losses of some micro-batches are ruined, wherever they turn up: of those with the same ids as
// the one that is computed at call `first`, and as those that follow it.
class RuinedObjective final : public objectives::Objective {
 public:
  RuinedObjective(int64_t first, int64_t count, double factor)
      : first_(first), count_(count), factor_(factor) {}

  std::vector<objectives::Term> terms() const override { return inner_.terms(); }
  std::vector<double> weights(const data::Batch& batch) const override {
    return inner_.weights(batch);
  }
  objectives::Result compute(nn::CausalLM& model, const data::Batch& batch,
                             std::span<const double> scales) override {
    objectives::Result result = inner_.compute(model, batch, scales);
    if (calls_ >= first_ && calls_ < first_ + count_) ruined_.push_back(batch.ids.clone());
    ++calls_;
    for (const at::Tensor& ids : ruined_) {
      if (at::equal(ids, batch.ids)) result.term_sums[0] = result.term_sums[0] * factor_;
    }
    return result;
  }
  objectives::Result evaluate(nn::CausalLM& model, const data::Batch& batch) override {
    return inner_.evaluate(model, batch);
  }

 private:
  objectives::NllObjective inner_;
  int64_t first_, count_;
  double factor_;
  int64_t calls_ = 0;
  std::vector<at::Tensor> ruined_;
};

struct SpikeRun : test::TinyRun {
  explicit SpikeRun(SpikeAction action) {
    config.spikes = {.action = action, .threshold = 6, .window = 5, .rollback_steps = 3};
    config.train.max_steps = 14;
    config.checkpoint.every_steps = 2;
    config.optim.lr = 1e-3;
  }
  // The run directory's newest checkpoint, or none.
  std::filesystem::path newest(const std::string& name = "run") const {
    const auto checkpoint = CheckpointFolder(run_directory(name)).newest();
    return checkpoint ? checkpoint->directory : std::filesystem::path();
  }
};

// Two micro-batches make a step: the second one of step 9.
constexpr int64_t kCallOfStepNine = 17;

at::Tensor weights_without(const std::vector<SkippedRows>& skipped) {
  SpikeRun run(SpikeAction::kNone);
  std::filesystem::create_directories(run.run_directory("run"));
  write_skip_log(run.run_directory("run"), skipped);
  EXPECT_EQ(run.train("run"), RunEnd::kCompleted);
  return run.tiny.store->flat_weights().clone();
}

TEST(Spikes, ASkippedStepIsAsIfItsRowsHadNeverBeen) {
  RuinedObjective ruined(kCallOfStepNine, 1, 1000);
  SpikeRun run(SpikeAction::kSkip);
  run.other_objective = &ruined;
  ASSERT_EQ(run.train("run"), RunEnd::kCompleted);
  ASSERT_EQ(run.last_state.skipped.size(), 1u);
  EXPECT_EQ(run.last_state.skipped[0].rows, (data::RowRange{64, 72}));
  EXPECT_EQ(run.last_state.skipped[0].step, 9);
  EXPECT_EQ(run.last_state.step, 14);
  EXPECT_TRUE(at::equal(run.tiny.store->flat_weights(), weights_without(run.last_state.skipped)));
}

TEST(Spikes, WithoutAnActionOnlyWhatIsNoNumberStopsTheRun) {
  RuinedObjective ruined(kCallOfStepNine, 1, 1000);
  SpikeRun run(SpikeAction::kNone);
  run.other_objective = &ruined;
  EXPECT_EQ(run.train("run"), RunEnd::kCompleted);
  EXPECT_TRUE(run.last_state.skipped.empty());
}

TEST(Spikes, StopNamesTheLossAndKeepsTheWeightsFromBefore) {
  RuinedObjective ruined(kCallOfStepNine, 1, 1000);
  SpikeRun run(SpikeAction::kStop);
  run.other_objective = &ruined;
  try {
    run.train("run");
    FAIL() << "a spike must stop the run";
  } catch (const core::NumericError& error) {
    EXPECT_EQ(error.info().where, "step 9");
    EXPECT_NE(error.info().got.find("deviations on documents 0000"), std::string::npos)
        << error.what();
  }
  EXPECT_EQ(load_state(run.newest()).state.step, 8);
}

// The process dies after the skip, before the next checkpoint: what the file in the run directory
// says is left out again.
TEST(Spikes, ASkipIsRepeatedByARunThatGoesOnFromBeforeIt) {
  RuinedObjective ruined(kCallOfStepNine, 1, NAN);
  SpikeRun run(SpikeAction::kSkip);
  run.other_objective = &ruined;
  ASSERT_EQ(run.train("run"), RunEnd::kCompleted);
  const at::Tensor expected = run.tiny.store->flat_weights().clone();

  run.other_objective = nullptr;
  const auto before = run.run_directory("run") / "checkpoints" / io::checkpoint_name(6);
  ASSERT_EQ(run.train("run", before), RunEnd::kCompleted);
  EXPECT_TRUE(at::equal(run.tiny.store->flat_weights(), expected));
}

TEST(Spikes, ARollbackGoesOnFromTheCheckpointWithoutTheRowsSince) {
  RuinedObjective ruined(kCallOfStepNine, 1, 1000);
  SpikeRun run(SpikeAction::kRollback);
  run.other_objective = &ruined;
  ASSERT_EQ(run.train("run"), RunEnd::kRolledBack);
  ASSERT_EQ(run.newest().filename(), io::checkpoint_name(6));  // the newest of at most 9 - 3
  ASSERT_EQ(run.train("run", run.newest()), RunEnd::kCompleted);
  ASSERT_EQ(run.last_state.skipped.size(), 1u);
  EXPECT_EQ(run.last_state.skipped[0].rows, (data::RowRange{48, 72}));
  EXPECT_TRUE(run.last_state.skipped[0].by_rollback);
  EXPECT_TRUE(at::equal(run.tiny.store->flat_weights(), weights_without(run.last_state.skipped)));
}

TEST(Spikes, WithoutACheckpointARollbackBeginsAgain) {
  RuinedObjective ruined(kCallOfStepNine, 1, 1000);
  SpikeRun run(SpikeAction::kRollback);
  run.config.checkpoint.every_steps = 0;
  run.config.eval.every_steps = 0;
  run.other_objective = &ruined;
  ASSERT_EQ(run.train("run"), RunEnd::kRolledBack);
  EXPECT_TRUE(run.newest().empty());
  ASSERT_EQ(run.train("run"), RunEnd::kCompleted);
  EXPECT_EQ(run.last_state.skipped[0].rows, (data::RowRange{0, 72}));
}

TEST(Spikes, TooManyRollbacksStopTheRun) {
  RuinedObjective ruined(kCallOfStepNine, 1000, 1000);
  SpikeRun run(SpikeAction::kRollback);
  run.config.spikes.max_rollbacks = 2;
  run.config.spikes.rollback_steps = 1;
  run.other_objective = &ruined;
  ASSERT_EQ(run.train("run"), RunEnd::kRolledBack);
  ASSERT_EQ(run.train("run", run.newest()), RunEnd::kRolledBack);
  EXPECT_THROW(run.train("run", run.newest()), core::NumericError);
}

TEST(Spikes, LossesThatStayHighStopTheRun) {
  RuinedObjective ruined(kCallOfStepNine, 1000, 1000);
  SpikeRun run(SpikeAction::kSkip);
  run.other_objective = &ruined;
  EXPECT_THROW(run.train("run"), core::NumericError);
  EXPECT_EQ(read_skip_log(run.run_directory("run")).size(), 10u);
}

// The loss is ruined on one rank; all of them leave the step out.
TEST(Spikes, AllRanksAnswerTheSpikeOfOne) {
  const test::TempDirectory shared;
  std::mutex mutex;
  std::vector<at::Tensor> weights;
  std::vector<TrainerState> states;
  test::train_on_ranks(2, [&](const std::shared_ptr<dist::ProcessGroup>& group) {
    RuinedObjective ruined(/*first=*/8, group->rank() == 1 ? 1 : 0, NAN);
    SpikeRun run(SpikeAction::kSkip);
    run.other_objective = &ruined;
    run.group = group;
    run.shared_folder = shared.path();
    EXPECT_EQ(run.train("run"), RunEnd::kCompleted);
    const std::lock_guard lock(mutex);
    weights.push_back(run.tiny.store->flat_weights().clone());
    states.push_back(run.last_state);
  });
  ASSERT_EQ(states.size(), 2u);
  EXPECT_TRUE(at::equal(weights[0], weights[1]));
  for (const TrainerState& state : states) {
    ASSERT_EQ(state.skipped.size(), 1u);
    EXPECT_EQ(state.skipped[0].rows, (data::RowRange{64, 72}));
  }
  EXPECT_LE((weights[0] - weights_without(states[0].skipped)).abs().max().item<double>(), 1e-5);
}

}  // namespace
}  // namespace llm::train
