// Oracle: the run of one rank. Ranks deal the micro-batches among themselves, so losses and weights
// may differ by the order of sums alone: 1e-5 over 50 steps.
#include <gtest/gtest.h>

#include <mutex>

#include "support/ranks.h"
#include "support/tiny_run.h"

namespace llm::train {
namespace {

struct RankRunResult {
  std::vector<double> losses;  // of training, then of validation
  at::Tensor weights;
  TrainerState state;
};

void use_many_micro_batches(RunConfig& config, int64_t micro_batches) {
  config.train.micro_batch_rows = 1;
  config.train.batch_tokens = micro_batches * config.data.context_length;
  config.train.max_steps = 50;
  config.optim.lr = 3e-4;
  config.eval.every_steps = 25;
  config.checkpoint.every_steps = 20;
}

std::vector<double> losses_of(const test::MemorySink& sink) {
  std::vector<double> losses;
  for (const bool is_evaluation : {false, true}) {
    for (const MetricsRecord& record : sink.records) {
      if (record.is_evaluation == is_evaluation) losses.push_back(record.values.front().second);
    }
  }
  return losses;
}

struct HowRanksTrain {
  int64_t micro_batches = 8;
  int64_t bucket_bytes = 4096;
  bool shards_optimizer = false;
};

RankRunResult train_on(int world_size, const HowRanksTrain& how) {
  RankRunResult result;
  std::mutex mutex;
  std::vector<at::Tensor> weights;
  const test::TempDirectory shared;
  test::train_on_ranks(world_size, [&](const std::shared_ptr<dist::ProcessGroup>& group) {
    test::TinyRun run;
    use_many_micro_batches(run.config, how.micro_batches);
    run.bucket_bytes = how.bucket_bytes;
    run.shards_optimizer = how.shards_optimizer;
    run.group = group;
    run.shared_folder = shared.path();
    EXPECT_EQ(run.train("run"), RunEnd::kCompleted);
    const std::lock_guard lock(mutex);
    weights.push_back(run.tiny.store->flat_weights().clone());
    if (group->rank() > 0) return;
    result = {losses_of(run.sink), run.tiny.store->flat_weights().clone(), run.last_state};
  });
  for (const at::Tensor& other : weights) EXPECT_TRUE(at::equal(other, result.weights));
  return result;
}

void expect_close(const RankRunResult& one, const RankRunResult& many) {
  ASSERT_EQ(one.losses.size(), many.losses.size());
  for (size_t i = 0; i < one.losses.size(); ++i) EXPECT_NEAR(many.losses[i], one.losses[i], 1e-5);
  EXPECT_LE((many.weights - one.weights).abs().max().item<double>(), 1e-5);
  EXPECT_EQ(many.state.tokens, one.state.tokens);
  EXPECT_EQ(many.state.next_row, one.state.next_row);
}

TEST(Ranks, OneTwoThreeAndFourRanksTrainTheSameModel) {
  const RankRunResult one = train_on(1, {});
  for (const int world_size : {2, 3, 4}) expect_close(one, train_on(world_size, {}));
}

TEST(Ranks, ShardsOfTheOptimizerDoNotChangeTheRun) {
  const RankRunResult one = train_on(1, {});
  for (const int world_size : {2, 3, 4})
    expect_close(one, train_on(world_size, {.shards_optimizer = true}));
}

TEST(Ranks, AnyNumberOfRanksGoesOnWithTheOptimizerOfAnyOther) {
  const test::TempDirectory shared;
  const auto continue_on = [&](int world_size, int64_t last_step, RankRunResult* result) {
    test::train_on_ranks(world_size, [&](const std::shared_ptr<dist::ProcessGroup>& group) {
      test::TinyRun run;
      use_many_micro_batches(run.config, 8);
      run.config.eval.every_steps = 0;
      run.config.optim.schedule.type = optim::ScheduleType::kConstant;
      run.config.train.max_steps = last_step;
      run.shards_optimizer = true;
      run.bucket_bytes = 4096;
      run.group = group;
      run.shared_folder = shared.path();
      const auto newest = CheckpointFolder(run.run_directory("run")).newest();
      group->barrier("looking for the checkpoint");
      const auto from = newest ? newest->directory : std::filesystem::path();
      EXPECT_EQ(run.train("run", from), RunEnd::kCompleted);
      if (result != nullptr && group->rank() == 0)
        *result = {{}, run.tiny.store->flat_weights().clone(), run.last_state};
    });
  };
  RankRunResult parts;
  continue_on(3, 10, nullptr);
  continue_on(1, 20, nullptr);
  continue_on(4, 30, &parts);
  std::filesystem::remove_all(shared.path() / "run");
  RankRunResult whole;
  continue_on(1, 30, &whole);
  expect_close(whole, parts);
}

TEST(Ranks, ARankWithoutMicroBatchesHelpsToAddUp) {
  const RankRunResult one = train_on(1, {.micro_batches = 3});
  expect_close(one, train_on(4, {.micro_batches = 3}));
  expect_close(one, train_on(4, {.micro_batches = 3, .shards_optimizer = true}));
}

TEST(Ranks, TheSameRanksTrainTheSameBits) {
  for (const bool shards : {false, true}) {
    const RankRunResult first = train_on(3, {.shards_optimizer = shards});
    const RankRunResult second = train_on(3, {.shards_optimizer = shards});
    EXPECT_TRUE(at::equal(first.weights, second.weights));
    EXPECT_EQ(first.losses, second.losses);
  }
}

TEST(Ranks, BucketsDoNotChangeTheSums) {
  // Another bucket size moves the borders of shards, so the order of sums changes with it.
  expect_close(train_on(2, {.bucket_bytes = 1}), train_on(2, {.bucket_bytes = int64_t{1} << 30}));
}

struct SentBytes {
  int64_t gradient = 0, parameter = 0, control_collectives = 0;
  int64_t arena = 0;
};

// Of all ranks together; collectives of rank 0.
SentBytes bytes_sent_in(int64_t steps, int world_size, bool shards_optimizer) {
  std::mutex mutex;
  SentBytes sent;
  const test::TempDirectory shared;
  test::train_on_ranks(world_size, [&](const std::shared_ptr<dist::ProcessGroup>& group) {
    test::TinyRun run;
    use_many_micro_batches(run.config, 8);
    run.config.train.max_steps = steps;
    run.config.eval.every_steps = run.config.checkpoint.every_steps = 0;
    run.bucket_bytes = 4096;
    run.shards_optimizer = shards_optimizer;
    run.group = group;
    run.shared_folder = shared.path();
    EXPECT_EQ(run.train("run"), RunEnd::kCompleted);
    const dist::Traffic traffic = group->traffic();
    const std::lock_guard lock(mutex);
    sent.gradient += traffic.gradient.bytes_sent;
    sent.parameter += traffic.parameter.bytes_sent;
    sent.arena = run.tiny.store->arena_numel() * 4;
    if (group->rank() == 0) sent.control_collectives = traffic.control.collectives;
  });
  return sent;
}

TEST(Ranks, AStepSendsEveryGradientAndThreeMessages) {
  for (const int world_size : {2, 3}) {
    const SentBytes few = bytes_sent_in(10, world_size, false);
    const SentBytes many = bytes_sent_in(20, world_size, false);
    EXPECT_EQ(many.control_collectives - few.control_collectives, 3 * 10);
    EXPECT_EQ(few.gradient, 10 * 2 * few.arena * (world_size - 1));
    EXPECT_EQ(few.parameter, 0);
    // Half of it are weights when each rank updates its shards.
    const SentBytes shards = bytes_sent_in(10, world_size, true);
    EXPECT_EQ(shards.gradient, 10 * few.arena * (world_size - 1));
    EXPECT_EQ(shards.parameter, shards.gradient);
    EXPECT_EQ(shards.control_collectives, few.control_collectives);
  }
}

}  // namespace
}  // namespace llm::train
