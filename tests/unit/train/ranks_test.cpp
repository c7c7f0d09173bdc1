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

RankRunResult train_on(int world_size, int64_t micro_batches, int64_t bucket_bytes = 4096) {
  RankRunResult result;
  std::mutex mutex;
  std::vector<at::Tensor> weights;
  test::train_on_ranks(world_size, [&](const std::shared_ptr<dist::ProcessGroup>& group) {
    test::TinyRun run;
    use_many_micro_batches(run.config, micro_batches);
    run.bucket_bytes = bucket_bytes;
    run.group = group;
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
  const RankRunResult one = train_on(1, 8);
  for (const int world_size : {2, 3, 4}) expect_close(one, train_on(world_size, 8));
}

TEST(Ranks, ARankWithoutMicroBatchesHelpsToAddUp) { expect_close(train_on(1, 3), train_on(4, 3)); }

TEST(Ranks, TheSameRanksTrainTheSameBits) {
  const RankRunResult first = train_on(3, 8);
  const RankRunResult second = train_on(3, 8);
  EXPECT_TRUE(at::equal(first.weights, second.weights));
  EXPECT_EQ(first.losses, second.losses);
}

TEST(Ranks, BucketsDoNotChangeTheSums) {
  // Another bucket size moves the borders of shards, so the order of sums changes with it.
  expect_close(train_on(2, 8, 1), train_on(2, 8, int64_t{1} << 30));
}

TEST(Ranks, AStepSendsItsGradientsOnceAndThreeSmallMessages) {
  for (const int world_size : {2, 3}) {
    std::mutex mutex;
    int64_t gradient_bytes = 0, parameter_bytes = 0, arena_bytes = 0;
    test::train_on_ranks(world_size, [&](const std::shared_ptr<dist::ProcessGroup>& group) {
      test::TinyRun run;
      use_many_micro_batches(run.config, 8);
      run.config.train.max_steps = 10;
      run.config.eval.every_steps = 0;
      run.bucket_bytes = 4096;
      run.group = group;
      const dist::Traffic before = group->traffic();
      EXPECT_EQ(run.train("run"), RunEnd::kCompleted);
      const dist::Traffic after = group->traffic();
      // The validation at the end is one more message; the last step asks for no stop.
      EXPECT_EQ(after.control.collectives - before.control.collectives, 3 * 10);
      EXPECT_LE(after.control.bytes_sent - before.control.bytes_sent,
                3 * 10 * 1024 * (world_size - 1));
      const std::lock_guard lock(mutex);
      gradient_bytes += after.gradient.bytes_sent - before.gradient.bytes_sent;
      parameter_bytes += after.parameter.bytes_sent - before.parameter.bytes_sent;
      arena_bytes = run.tiny.store->arena_numel() * 4;
    });
    EXPECT_EQ(gradient_bytes, 10 * 2 * arena_bytes * (world_size - 1));
    EXPECT_EQ(parameter_bytes, 0);
  }
}

}  // namespace
}  // namespace llm::train
