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
  optim::ReductionOptions reduction = {.bucket_bytes = 16384};
  double lr = 3e-4;
  int64_t steps = 50;
  bool is_tied = true;
  int64_t layers = 2;
};

HowRanksTrain sharded(int64_t zero, int64_t micro_batches = 8) {
  return {micro_batches, {.bucket_bytes = 16384, .zero = zero}};
}

RankRunResult train_on(int world_size, const HowRanksTrain& how) {
  RankRunResult result;
  std::mutex mutex;
  std::vector<at::Tensor> weights;
  const test::TempDirectory shared;
  test::train_on_ranks(world_size, [&](const std::shared_ptr<dist::ProcessGroup>& group) {
    auto model = test::tiny_config();
    model.tie_word_embeddings = how.is_tied;
    model.num_hidden_layers = how.layers;
    test::TinyRun run(model);
    use_many_micro_batches(run.config, how.micro_batches);
    run.config.optim.lr = how.lr;
    run.config.train.max_steps = how.steps;
    run.reduction = how.reduction;
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
  for (const int64_t zero : {1, 2}) {
    for (const int world_size : {2, 3, 4}) expect_close(one, train_on(world_size, sharded(zero)));
  }
}

TEST(Ranks, LayersTakeTheBuffersOfGradientsInTurns) {
  for (const bool is_tied : {true, false}) {
    HowRanksTrain how = sharded(2, 7);
    how.is_tied = is_tied;
    how.layers = 4;
    how.reduction.bucket_bytes = 1;
    const RankRunResult one = train_on(1, how);
    for (const int world_size : {2, 3}) expect_close(one, train_on(world_size, how));
  }
}

TEST(Ranks, AnyNumberOfRanksGoesOnWithTheOptimizerOfAnyOther) {
  const test::TempDirectory shared;
  const auto continue_on = [&](int world_size, int64_t zero, int64_t last_step,
                               RankRunResult* result) {
    test::train_on_ranks(world_size, [&](const std::shared_ptr<dist::ProcessGroup>& group) {
      test::TinyRun run;
      use_many_micro_batches(run.config, 8);
      run.config.eval.every_steps = 0;
      run.config.optim.schedule.type = optim::ScheduleType::kConstant;
      run.config.train.max_steps = last_step;
      run.reduction = {.bucket_bytes = 16384, .zero = zero};
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
  continue_on(3, 1, 10, nullptr);
  continue_on(1, 0, 20, nullptr);
  continue_on(4, 2, 30, &parts);
  std::filesystem::remove_all(shared.path() / "run");
  RankRunResult whole;
  continue_on(1, 0, 30, &whole);
  expect_close(whole, parts);
}

TEST(Ranks, ARankWithoutMicroBatchesHelpsToAddUp) {
  const RankRunResult one = train_on(1, {.micro_batches = 3});
  expect_close(one, train_on(4, {.micro_batches = 3}));
  for (const int64_t zero : {1, 2}) expect_close(one, train_on(4, sharded(zero, 3)));
  // Of two ranks one has two micro-batches, the other one.
  expect_close(one, train_on(2, sharded(2, 3)));
}

TEST(Ranks, TheSameRanksTrainTheSameBits) {
  for (const int64_t zero : {0, 1, 2}) {
    const RankRunResult first = train_on(3, sharded(zero));
    const RankRunResult second = train_on(3, sharded(zero));
    EXPECT_TRUE(at::equal(first.weights, second.weights));
    EXPECT_EQ(first.losses, second.losses);
  }
}

TEST(Ranks, BucketsDoNotChangeTheSums) {
  // Another bucket size moves the borders of shards, so the order of sums changes with it.
  for (const int64_t zero : {0, 2}) {
    expect_close(train_on(2, {.reduction = {.bucket_bytes = 1, .zero = zero}}),
                 train_on(2, {.reduction = {.bucket_bytes = int64_t{1} << 30, .zero = zero}}));
  }
}

struct SentBytes {
  int64_t gradient = 0, parameter = 0, control_collectives = 0;
  int64_t arena = 0;
};

// Of all ranks together; collectives of rank 0.
SentBytes bytes_sent_in(int64_t steps, int world_size, const HowRanksTrain& how) {
  std::mutex mutex;
  SentBytes sent;
  const test::TempDirectory shared;
  test::train_on_ranks(world_size, [&](const std::shared_ptr<dist::ProcessGroup>& group) {
    test::TinyRun run;
    use_many_micro_batches(run.config, how.micro_batches);
    run.config.train.max_steps = steps;
    run.config.eval.every_steps = run.config.checkpoint.every_steps = 0;
    run.reduction = how.reduction;
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
    const SentBytes few = bytes_sent_in(10, world_size, sharded(0));
    const SentBytes many = bytes_sent_in(20, world_size, sharded(0));
    EXPECT_EQ(many.control_collectives - few.control_collectives, 3 * 10);
    EXPECT_EQ(few.gradient, 10 * 2 * few.arena * (world_size - 1));
    EXPECT_EQ(few.parameter, 0);
    // Half of it are weights when each rank updates its shards.
    const SentBytes shards = bytes_sent_in(10, world_size, sharded(1));
    EXPECT_EQ(shards.gradient, 10 * few.arena * (world_size - 1));
    EXPECT_EQ(shards.parameter, shards.gradient);
    EXPECT_EQ(shards.control_collectives, few.control_collectives);
  }
}

// Seven micro-batches are four rounds of two ranks and three of three.
TEST(Ranks, EachMicroBatchSendsItsGradientsUnderZero2) {
  for (const int world_size : {2, 3}) {
    const int64_t rounds = (7 + world_size - 1) / world_size;
    const SentBytes sent = bytes_sent_in(10, world_size, sharded(2, 7));
    EXPECT_EQ(sent.gradient, 10 * rounds * sent.arena * (world_size - 1));
    EXPECT_EQ(sent.parameter, 10 * sent.arena * (world_size - 1));
    const SentBytes once = bytes_sent_in(10, world_size, sharded(1, 7));
    EXPECT_EQ(sent.control_collectives, once.control_collectives);
  }
}

TEST(Ranks, Bf16HalvesTheBytesOfGradients) {
  for (const int64_t zero : {0, 1, 2}) {
    HowRanksTrain how = sharded(zero);
    const SentBytes full = bytes_sent_in(5, 2, how);
    how.reduction.dtype = optim::ReduceDtype::kBf16;
    const SentBytes half = bytes_sent_in(5, 2, how);
    EXPECT_EQ(2 * half.gradient, full.gradient);
    EXPECT_EQ(half.parameter, full.parameter);
  }
}

// The largest learning rate of these runs, so that losses move.
TEST(Ranks, Bf16OnTheWireStaysWithinAPercentOfTheLoss) {
  for (const int64_t zero : {0, 1, 2}) {
    HowRanksTrain how = sharded(zero, 4);
    how.lr = 3e-3;
    how.steps = 60;
    how.reduction.bucket_bytes = 1 << 20;
    const RankRunResult full = train_on(2, how);
    how.reduction.dtype = optim::ReduceDtype::kBf16;
    const RankRunResult rounded = train_on(2, how);
    EXPECT_LT(full.losses.back(), 0.8 * full.losses.front());
    ASSERT_EQ(rounded.losses.size(), full.losses.size());
    for (size_t i = 0; i < full.losses.size(); ++i)
      EXPECT_NEAR(rounded.losses[i], full.losses[i], 0.01 * full.losses[i]);
    EXPECT_FALSE(at::equal(rounded.weights, full.weights));
  }
}

}  // namespace
}  // namespace llm::train
