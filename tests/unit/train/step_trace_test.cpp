// Oracle: spans whose overlap is seen by eye, and a training step that has to leave every kind of
// span.
#include "llm/train/step_trace.h"

#include <gtest/gtest.h>

#include "llm/io/json.h"
#include "llm/train/bench.h"
#include "support/ranks.h"
#include "support/tiny_config.h"

namespace llm::train {
namespace {

TraceSpan span(const std::string& name, int begin, int end,
               TraceSpan::Track track = TraceSpan::Track::kCompute) {
  const TraceSpan::Time start;
  return {track, name, start + std::chrono::seconds(begin), start + std::chrono::seconds(end)};
}

TEST(StepTrace, GradientsAreHiddenWhereABackwardPassComputes) {
  constexpr auto kSent = TraceSpan::Track::kCommunication;
  const Overlap overlap = measure_overlap(
      {span("forward", 0, 10), span(kBackwardSpan, 10, 30), span(kBufferSpan, 18, 20),
       span("update", 35, 50), span("reduce_scatter of gradient bucket 0 of step 1", 12, 24, kSent),
       span("reduce_scatter of gradient bucket 1 of step 1", 25, 33, kSent),
       span("all_gather_bytes of losses of the step", 33, 34, kSent),
       span("all_gather of weight bucket 0 of step 1", 40, 43, kSent)});
  EXPECT_DOUBLE_EQ(overlap.gradient_seconds, 12 + 8);
  EXPECT_DOUBLE_EQ(overlap.hidden_seconds, 12 - 2 + 5);
  EXPECT_DOUBLE_EQ(overlap.weight_seconds, 3);
}

TEST(StepTrace, AFileHoldsTheSpansOfAllRanks) {
  const test::TempDirectory folder;
  const auto path = folder.path() / "trace.json";
  RunConfig config;
  config.model.config = "tiny";
  config.data.context_length = 16;
  config.train.max_steps = 10;
  config.train.micro_batch_rows = 1;
  config.train.batch_tokens = 3 * 16;
  config.dist.zero = 2;
  const auto model = test::tiny_config();
  const auto measure = [&](std::unique_ptr<dist::ProcessGroup>& group, StepTrace& trace) {
    BenchOptions options{.steps = 2, .warmup_steps = 1, .trace = &trace};
    options.group = std::move(group);
    const BenchResult result = bench_training(config, model, options);
    write_trace(path, *options.group, trace);
    // Two rounds of all gradients, and the weights, in two steps.
    EXPECT_EQ(result.gradient_bytes, 2 * result.parameter_bytes);
    EXPECT_GE(result.parameter_bytes, 2 * 4 * result.num_parameters);
  };
  EXPECT_EQ(test::run_ranks(2,
                            [&](auto& group, int) {
                              StepTrace trace;
                              measure(group, trace);
                            }),
            test::no_errors(2));
  std::map<std::pair<int, std::string>, int> counts;  // by rank and name
  const io::Json trace = io::read_json_file(path);
  for (const io::Json& event : trace.at("traceEvents"))
    ++counts[{event.at("pid").get<int>(), event.at("name").get<std::string>()}];
  // Rank 0 has two of the three micro-batches of each of two steps.
  for (const int rank : {0, 1}) {
    const int passes = rank == 0 ? 4 : 2;
    EXPECT_EQ((counts[{rank, "forward"}]), passes);
    EXPECT_EQ((counts[{rank, kBackwardSpan}]), passes);
    EXPECT_EQ((counts[{rank, "backward of layer 0"}]), passes);
    EXPECT_EQ((counts[{rank, "update"}]), 2);
  }
}

}  // namespace
}  // namespace llm::train
