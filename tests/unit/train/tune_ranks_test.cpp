// Oracle: the run of one rank. Ranks deal the micro-batches among themselves, so metrics may differ
// by the order of sums alone.
#include <gtest/gtest.h>

#include "llm/core/error.h"
#include "support/ranks.h"
#include "support/tune_runs.h"

namespace llm::train {
namespace {

class TuneRanks : public TuneRuns {
 protected:
  // On `world_size` ranks.
  template <class Config>
  void train_on_ranks(int world_size, const Config& settings, const std::string& run) {
    test::train_on_ranks(world_size, [&](const std::shared_ptr<dist::ProcessGroup>& group) {
      SessionOptions options = options_;
      options.run_directory = folder_.path() / run;
      options.group = group;
      tune(settings, options, {});
    });
  }

  // Steps, metrics and weights of two runs differ by the order of sums alone.
  void expect_same_run(const std::string& one, const std::string& other) {
    const auto expected = metrics(one), found = metrics(other);
    ASSERT_EQ(found.size(), expected.size());
    for (size_t i = 0; i < expected.size(); ++i) {
      ASSERT_EQ(found[i].size(), expected[i].size()) << found[i] << expected[i];
      for (const auto& [key, value] : expected[i].items()) {
        if (!value.is_number()) continue;
        EXPECT_NEAR(found[i].at(key).get<double>(), value.get<double>(),
                    1e-4 * std::max(1.0, std::abs(value.get<double>())))
            << key << " of record " << i;
      }
    }
  }

  template <class Config>
  void expect_same_on_ranks(int64_t lora_rank, int64_t rows_per_step) {
    expect_same_on_ranks(config<Config>(lora_rank), rows_per_step);
  }
  template <class Config>
  void expect_same_on_ranks(Config settings, int64_t rows_per_step) {
    settings.train.batch_rows = rows_per_step;
    settings.optim.lr = 3e-4;
    train(settings, "one");
    for (const int world_size : {2, 3}) {
      const std::string run = "on-" + std::to_string(world_size);
      train_on_ranks(world_size, settings, run);
      expect_same_run("one", run);
      EXPECT_FALSE(eval_samples(run).empty());
    }
  }
};

TEST_F(TuneRanks, SftOfAWholeModel) { expect_same_on_ranks<SftConfig>(0, 4); }

TEST_F(TuneRanks, OrpoOfAnAdapter) { expect_same_on_ranks<OrpoConfig>(4, 3); }

TEST_F(TuneRanks, DpoReadsTheReferenceOfTheFirstRank) { expect_same_on_ranks<DpoConfig>(0, 2); }

TEST_F(TuneRanks, SftWithNoiseAndShards) {
  auto settings = config<SftConfig>();
  settings.dist.zero = 1;
  settings.lora.dropout = 0.2;
  settings.neftune_alpha = 5;
  settings.optim.lr = 3e-4;
  train(settings, "one");
  train_on_ranks(2, settings, "two");
  expect_same_run("one", "two");
}

TEST_F(TuneRanks, SftOfAWholeModelInShardsOfGradients) {
  auto settings = config<SftConfig>(0);
  settings.dist.zero = 2;
  expect_same_on_ranks(settings, 5);
}

TEST_F(TuneRanks, OrpoOfAWholeModelInShardsOfGradients) {
  auto settings = config<OrpoConfig>(0);
  settings.dist.zero = 2;
  expect_same_on_ranks(settings, 3);
}

TEST_F(TuneRanks, AnAdapterWithTablesInShardsOfGradients) {
  auto settings = config<OrpoConfig>(4);
  settings.dist.zero = 2;
  settings.lora.modules_to_save = {"embed_tokens", "norm"};
  expect_same_on_ranks(settings, 4);
}

TEST_F(TuneRanks, ARefusalIsThatOfOneRank) {
  auto settings = config<SftConfig>();
  settings.lora.targets = {"no_such_module"};
  std::string alone, together;
  try {
    train(settings, "alone");
  } catch (const core::ConfigError& error) {
    alone = error.what();
  }
  try {
    train_on_ranks(3, settings, "together");
  } catch (const core::ConfigError& error) {
    together = error.what();
  }
  EXPECT_FALSE(alone.empty());
  EXPECT_EQ(together, alone);
  EXPECT_EQ(std::filesystem::exists(folder_.path() / "together"),
            std::filesystem::exists(folder_.path() / "alone"));
}

}  // namespace
}  // namespace llm::train
