// Oracle: TRL 1.16 (scripts/goldens/make_trl_goldens.py): what its trainers log at each of six
// steps with updates, on the rows as they tokenised them.
#include <gtest/gtest.h>

#include <fstream>

#include "llm/core/error.h"
#include "llm/io/json.h"
#include "llm/train/tune_session.h"
#include "support/paths.h"
#include "support/temp_directory.h"

namespace llm::train {
namespace {

namespace fs = std::filesystem;

fs::path trl_golden(const std::string& name) {
  return test::source_dir() / "tests/golden/trl" / name;
}

// A run of ours over the rows of a golden.
class TrlRun {
 public:
  explicit TrlRun(const std::string& name)
      : golden_(io::read_ordered_json_file(trl_golden(name + ".json"))) {
    std::ofstream rows(folder_.path() / "rows.jsonl");
    for (const auto& row : golden_.at("rows")) rows << row.dump() << "\n";
  }

  void fill(TuneConfig& config) const {
    const auto& settings = golden_.at("settings");
    config.model.path = trl_golden(golden_.at("model")).string();
    corpus::ExampleSource source;
    source.name = "rows";
    source.paths = {(folder_.path() / "rows.jsonl").string()};
    config.data.train = {source};
    config.data.packing = data::Packing::kOff;
    config.data.shuffle = false;
    config.data.share_prompts = false;
    config.optim.lr = settings.at("learning_rate");
    config.optim.beta1 = settings.at("adam_beta1");
    config.optim.beta2 = settings.at("adam_beta2");
    config.optim.eps = settings.at("adam_epsilon");
    config.optim.weight_decay = settings.at("weight_decay");
    config.optim.clip_norm = settings.at("max_grad_norm");
    config.optim.schedule.type = optim::ScheduleType::kConstant;
    config.optim.schedule.warmup_steps = 0;
    config.train.max_steps = settings.at("max_steps");
    config.train.batch_rows = settings.at("per_device_train_batch_size");
    config.train.micro_batch_rows = config.train.batch_rows;
    config.log.every_steps = 1;
    config.log.tensorboard = false;
    if (golden_.at("adapter").is_null()) return;
    const fs::path adapter = trl_golden(golden_.at("adapter"));
    const auto lora = io::read_ordered_json_file(adapter / "adapter_config.json");
    config.lora.r = lora.at("r");
    config.lora.alpha = lora.at("lora_alpha");
    config.lora.init_from = adapter.string();
  }

  double setting(const char* name) const { return golden_.at("settings").at(name); }

  template <class Config>
  std::vector<io::OrderedJson> train(const Config& config) const {
    SessionOptions options;
    options.run_directory = folder_.path() / "run";
    options.show_progress = false;
    tune(config, options, {});
    std::vector<io::OrderedJson> steps;
    std::ifstream metrics(options.run_directory / "metrics.jsonl");
    for (std::string line; std::getline(metrics, line);) {
      auto record = io::OrderedJson::parse(line);
      if (record.contains("loss")) steps.push_back(std::move(record));
    }
    return steps;
  }

  // TRL's values under TRL's names, but for those of another definition (post_training.md). Tokens
  // that two answers share count once.
  void expect_equal(const std::vector<io::OrderedJson>& ours, bool shares_prompts = false) const {
    const auto& theirs = golden_.at("steps");
    ASSERT_EQ(ours.size(), theirs.size());
    for (size_t step = 0; step < ours.size(); ++step) {
      for (const auto& [name, value] : theirs[step].items()) {
        if (name.starts_with("logits/") || name == "epoch" || name == "step") continue;
        if (shares_prompts && name == "num_tokens") continue;
        const std::string own_name = name == "num_tokens"      ? "tokens"
                                     : name == "learning_rate" ? "lr"
                                                               : name;
        if (!ours[step].contains(own_name)) {
          EXPECT_TRUE(is_other_kinds(name)) << name;
          continue;
        }
        // Policy and reference are one model before the first update: rounding decides.
        if (step == 0 && golden_.at("trainer") == "DPOTrainer" && name == "rewards/accuracies")
          continue;
        const double expected = value.get<double>();
        EXPECT_NEAR(ours[step].at(own_name).get<double>(), expected,
                    1e-4 * std::max(1.0, std::abs(expected)))
            << name << " of step " << step + 1;
      }
    }
  }

 private:
  // SFT's metrics that TRL also logs for DPO, and SimPO's loss of no NLL term.
  static bool is_other_kinds(const std::string& name) {
    return name == "entropy" || name == "mean_token_accuracy" || name == "nll_loss";
  }

  test::TempDirectory folder_;
  io::OrderedJson golden_;
};

class TrlSft : public testing::TestWithParam<const char*> {};

TEST_P(TrlSft, EveryStepIsTrls) {
  const TrlRun run(GetParam());
  SftConfig config;
  run.fill(config);
  run.expect_equal(run.train(config));
}

INSTANTIATE_TEST_SUITE_P(TrlGoldens, TrlSft,
                         testing::Values("sft_text", "sft_completion", "sft_assistant",
                                         "sft_lora"));

class TrlOrpo : public testing::TestWithParam<const char*> {};

TEST_P(TrlOrpo, EveryStepIsTrls) {
  const TrlRun run(GetParam());
  OrpoConfig config;
  run.fill(config);
  config.beta = run.setting("beta");
  run.expect_equal(run.train(config));
}

TEST_P(TrlOrpo, SoIsEveryStepWithSharedPrompts) {
  const TrlRun run(GetParam());
  OrpoConfig config;
  run.fill(config);
  config.beta = run.setting("beta");
  config.data.share_prompts = true;
  run.expect_equal(run.train(config), /*shares_prompts=*/true);
}

INSTANTIATE_TEST_SUITE_P(TrlGoldens, TrlOrpo, testing::Values("orpo", "orpo_tied", "orpo_lora"));

TEST(TrlDpo, EveryStepIsTrls) {
  const TrlRun run("dpo");
  DpoConfig config;
  run.fill(config);
  config.beta = run.setting("beta");
  run.expect_equal(run.train(config));
}

TEST(TrlSimpo, EveryStepIsTrls) {
  const TrlRun run("simpo");
  SimpoConfig config;
  run.fill(config);
  config.beta = run.setting("beta");
  config.gamma = run.setting("simpo_gamma");
  run.expect_equal(run.train(config));
}

}  // namespace
}  // namespace llm::train
