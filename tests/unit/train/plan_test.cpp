// Oracle: published parameter counts and learning rates, and hand-computed numbers. The plan
// against a measured peak: tests/integration/train_cli_test.cpp.
#include "llm/train/plan.h"
#include "llm/optim/gradient_buckets.h"
#include "support/paths.h"
#include "support/tiny_config.h"

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
  return arch::read_model_config(test::source_dir() / "configs/models" / (name + ".json"));
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

std::string warnings_of(const PlanInput& input) {
  std::string all;
  for (const auto& warning : plan_run(input).warnings) all += warning + "\n";
  return all;
}

RunConfig long_run(int64_t batch_tokens, int64_t steps, double lr) {
  RunConfig config = run_config(1, 256);
  config.train.batch_tokens = batch_tokens;
  config.train.max_steps = steps;
  config.optim.lr = lr;
  return config;
}

// Rates of runs that were published, or are our own and train well, against ten times as much.
TEST(Plan, CallsARateHighOnlyFarAboveWhatTrains) {
  struct Case {
    const char* model;
    int64_t batch_tokens, steps;
    double lr;
  };
  const Case cases[] = {
      {"llama-1m", 4096, 400, 4e-3},             // small models take high rates
      {"llama-5m", 4096, 400, 2e-3},             // configs/runs/quickstart.json
      {"llama-15m", 16384, 2000, 1e-3},          // llmtrain init-config
      {"smollm2-135m", 1048576, 2000000, 3e-3},  // SmolLM2-135M
      {"llama-3.2-1b", 524288, 47684, 3e-4},     // configs/runs/pretrain-gpu-1b.json
      {"llama-3-8b", 4194304, 3600000, 3e-4},    // Llama 3 8B
  };
  for (const Case& c : cases) {
    const auto model = model_config(c.model);
    const RunConfig usual = long_run(c.batch_tokens, c.steps, c.lr);
    EXPECT_EQ(warnings_of({.config = usual, .model = model}).find("is high"), std::string::npos)
        << c.model;
    const RunConfig high = long_run(c.batch_tokens, c.steps, 12 * c.lr);
    EXPECT_NE(warnings_of({.config = high, .model = model}).find("is high"), std::string::npos)
        << c.model;
  }
}

TEST(Plan, WarnsOfMemoryAndOfAValidationSplitWithoutARow) {
  const RunConfig config = run_config(1, 256);
  const auto model = model_config("llama-1m");
  const std::string all = warnings_of({.config = config,
                                       .model = model,
                                       .validation_tokens = 255,
                                       .machine_bytes = int64_t{1} << 20});
  EXPECT_NE(all.find("more than the 1.0 MiB of this machine"), std::string::npos) << all;
  EXPECT_NE(all.find("validation split holds 255 tokens"), std::string::npos) << all;
  const std::string none = warnings_of({.config = config,
                                        .model = model,
                                        .validation_tokens = 0,
                                        .machine_bytes = int64_t{1} << 40});
  EXPECT_EQ(none.find("validation"), std::string::npos) << none;
  EXPECT_EQ(none.find("machine"), std::string::npos) << none;
}

TEST(Plan, AbsurdSizesAreCappedNotWrapped) {
  auto model = model_config("llama-3-8b");
  model.num_hidden_layers = 65536;
  model.intermediate_size = 1 << 30;
  const auto plan = plan_memory(model, {.micro_batch_tokens = (int64_t{1} << 31) - 1});
  EXPECT_GT(plan.peak_bytes, int64_t{1} << 59);
  for (const auto& buffer : plan.buffers) EXPECT_GE(buffer.bytes, 0) << buffer.name;
}

TEST(Plan, WholeBlockRecomputeKeepsOnlyTheBlocksInputs) {
  const auto model = model_config("smollm2-135m");
  const auto selective = plan_memory(model, {.micro_batch_tokens = 4096});
  const auto block =
      plan_memory(model, {.micro_batch_tokens = 4096, .recompute = nn::RecomputePolicy::kBlock});
  EXPECT_LT(block.peak_bytes, selective.peak_bytes);
}

int64_t bytes_of(const MemoryPlan& plan, const std::string& name) {
  for (const MemoryBuffer& buffer : plan.buffers) {
    if (buffer.name == name) return buffer.bytes;
  }
  return 0;
}

// The buffers against those that training allocates.
TEST(Plan, ShowsTheCopyThatIsWrittenBesideTraining) {
  const auto model = test::tiny_config();
  const auto waiting = plan_memory(model, {.micro_batch_tokens = 256, .ranks = 2});
  const auto beside =
      plan_memory(model, {.micro_batch_tokens = 256, .ranks = 2, .saves_async = true});
  EXPECT_EQ(beside.peak_bytes - waiting.peak_bytes, 3 * 4 * arch::num_parameters(model) / 2);
}

TEST(Plan, SharesTheTrainingStateOutAmongRanks) {
  for (const char* name : {"llama-1m", "llama-15m"}) {
    const auto model = model_config(name);
    const int64_t weights = 4 * arch::num_parameters(model);
    for (const int64_t bucket_bytes : {int64_t{1}, int64_t{4} << 20, int64_t{1} << 40}) {
      const MemoryPlan plan =
          plan_memory(model, {.micro_batch_tokens = 256,
                              .ranks = 4,
                              .reduction = {.bucket_bytes = bucket_bytes, .zero = 2}});
      EXPECT_EQ(bytes_of(plan, "weights"), weights);
      EXPECT_EQ(bytes_of(plan, "moments"), weights / 2);
      EXPECT_EQ(bytes_of(plan, "gradients"), weights / 4);
      const tensor::ParameterStore store(arch::parameter_specs(model), tensor::StoreOptions{});
      int64_t largest = 0, largest_of_layers = 0;
      for (const auto& bucket : optim::layer_buckets(store, bucket_bytes)) {
        largest = std::max(largest, 4 * bucket.numel);
        if (!bucket.is_table) largest_of_layers = std::max(largest_of_layers, 4 * bucket.numel);
      }
      EXPECT_NEAR(static_cast<double>(bytes_of(plan, "gradient buffers")),
                  static_cast<double>(largest + largest_of_layers),
                  0.01 * static_cast<double>(weights));
    }
  }
}

TEST(Plan, RanksSendWhatARingSends) {
  RunConfig config = run_config(1, 256);
  config.train.batch_tokens = 10 * 256;
  config.dist.bucket_mib = 1;
  const auto model = model_config("llama-15m");
  const auto once = 4.0 * static_cast<double>(arch::num_parameters(model)) * 3 / 4;
  const RanksPlan ranks = plan_run({.config = config, .model = model, .ranks = 4}).ranks;
  EXPECT_EQ(ranks.most_micro_batches, 3);
  EXPECT_EQ(ranks.least_micro_batches, 2);
  ASSERT_EQ(ranks.choices.size(), 3U);
  const double rounds[] = {2, 2, 4};  // of all parameters
  for (size_t zero = 0; zero < 3; ++zero) {
    const ZeroPlan& choice = ranks.choices[zero];
    EXPECT_NEAR(static_cast<double>(choice.gradient_bytes + choice.parameter_bytes),
                rounds[zero] * once, 8);
  }
  EXPECT_LT(ranks.choices[1].memory.peak_bytes, ranks.choices[0].memory.peak_bytes);
  EXPECT_LT(ranks.choices[2].memory.peak_bytes, ranks.choices[1].memory.peak_bytes);
  config.dist.reduce_dtype = optim::ReduceDtype::kBf16;
  const RanksPlan half = plan_run({.config = config, .model = model, .ranks = 4}).ranks;
  EXPECT_NEAR(static_cast<double>(half.choices[0].gradient_bytes), once, 8);
  EXPECT_TRUE(plan_run({.config = config, .model = model}).ranks.choices.empty());
  EXPECT_NE(
      warnings_of({.config = config, .model = model, .ranks = 4}).find("do not divide among 4"),
      std::string::npos);
}

}  // namespace
}  // namespace llm::train
