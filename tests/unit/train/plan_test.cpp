// Oracle: published parameter counts and hand-computed numbers. The plan against a measured peak:
// scripts/bench_cpu.sh.
#include "llm/train/plan.h"

#include <gtest/gtest.h>

namespace llm::train {
namespace {

RunConfig run_config(int64_t rows, int64_t context) {
  RunConfig config;
  config.model.config = "m.json";
  config.data.context_length = context;
  config.train.max_steps = 100;
  config.train.micro_batch_rows = rows;
  config.train.batch_tokens = rows * context;
  config.optim.schedule.warmup_steps = 10;
  return config;
}

arch::ModelConfig model_config(const std::string& name) {
  return arch::read_model_config(std::filesystem::path(LLM_SOURCE_DIR) / "configs/models" /
                                 (name + ".json"));
}

TEST(Plan, CountsTokensStepsAndFlops) {
  const RunConfig config = run_config(4, 256);
  const auto model = model_config("smollm2-135m");
  const RunPlan plan = plan_run({.config = config, .model = model, .num_rows = 800});
  EXPECT_EQ(plan.parameters.total(), 134515008);
  EXPECT_EQ(plan.total_tokens, 102400);
  EXPECT_DOUBLE_EQ(plan.epochs, 0.5);
  EXPECT_NEAR(plan.total_flops / plan.flops_per_token, 102400, 1e-3);
}

TEST(Plan, WarnsOfTooFewTokensAndAWarmUpThatIsTheRun) {
  RunConfig config = run_config(4, 256);
  config.optim.schedule.warmup_steps = 90;
  const auto model = model_config("smollm2-135m");
  const RunPlan plan = plan_run({.config = config, .model = model});
  std::string all;
  for (const auto& warning : plan.warnings) all += warning + "\n";
  EXPECT_NE(all.find("tokens per parameter"), std::string::npos) << all;
  EXPECT_NE(all.find("the warm-up takes 90 %"), std::string::npos) << all;
}

TEST(Plan, WholeBlockRecomputeKeepsOnlyTheBlocksInputs) {
  const auto model = model_config("smollm2-135m");
  const auto selective = plan_memory(model, {.micro_batch_tokens = 4096});
  const auto block =
      plan_memory(model, {.micro_batch_tokens = 4096, .recompute = nn::RecomputePolicy::kBlock});
  EXPECT_LT(block.peak_bytes, selective.peak_bytes);
}

}  // namespace
}  // namespace llm::train
