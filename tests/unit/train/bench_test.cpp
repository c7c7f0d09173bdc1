// Oracle: the numbers of steps asked for; refusals that name the mistake.
#include "llm/train/bench.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "llm/core/error.h"
#include "support/error_text.h"
#include "support/tiny_config.h"

namespace llm::train {
namespace {

RunConfig bench_config() {
  RunConfig config;
  config.data.context_length = 16;
  config.train.micro_batch_rows = 2;
  config.train.batch_tokens = 64;
  return config;
}

TEST(Bench, MeasuresTheStepsAfterTheWarmUp) {
  std::vector<int64_t> done;
  const auto result =
      bench_training(bench_config(), test::tiny_config(),
                     {.steps = 2, .warmup_steps = 1, .on_step = [&](int64_t at, int64_t total) {
                        done.push_back(at);
                        EXPECT_EQ(total, 3);
                      }});
  EXPECT_EQ(result.step_seconds.size(), 2u);
  EXPECT_EQ(result.tokens_per_step, 64);
  EXPECT_THAT(done, ::testing::ElementsAre(1, 2, 3));
}

TEST(Bench, RefusesCountsThatMeasureNothing) {
  const auto refusal = [](const BenchOptions& options) {
    return test::error_text<core::ConfigError>(
        [&] { bench_training(bench_config(), test::tiny_config(), options); });
  };
  EXPECT_THAT(refusal({.steps = 0}), ::testing::HasSubstr("at least 1"));
  EXPECT_THAT(refusal({.steps = 1, .warmup_steps = -3}), ::testing::HasSubstr("-3"));
}

}  // namespace
}  // namespace llm::train
