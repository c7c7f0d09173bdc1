// Oracle: what must lie in the run directory after each command, and what a person must be able to
// read in a refusal.
#include "llm/train/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "llm/core/error.h"
#include "llm/io/manifest.h"
#include "support/error_text.h"
#include "support/prepared_run.h"

namespace llm::train {
namespace {

namespace fs = std::filesystem;
using test::PreparedRun;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

std::vector<int64_t> steps_in(const fs::path& run_directory) {
  std::vector<int64_t> steps;
  for (const auto& info : CheckpointFolder(run_directory).list()) steps.push_back(info.step);
  return steps;
}

std::vector<int64_t> metrics_steps(const PreparedRun& run) {
  std::vector<int64_t> steps;
  std::ifstream lines(run.folder / "run/metrics.jsonl");
  for (std::string line; std::getline(lines, line);) {
    const io::Json json = io::parse_json(line, "metrics");
    if (json.contains("loss")) steps.push_back(json["step"]);
  }
  return steps;
}

template <class E>
std::string refusal(PreparedRun& run, const fs::path& resume_from = {}) {
  return test::error_text<E>([&] { run.train(resume_from); });
}

TEST(Session, ARunFromAnOlderCheckpointLeavesLaterOnesAside) {
  PreparedRun run;
  run.train();
  ASSERT_EQ(steps_in(run.options.run_directory), (std::vector<int64_t>{30, 40}));
  run.config.train.max_steps = 35;
  run.config.checkpoint.keep_last = 1;
  run.config.checkpoint.keep_best = false;
  const RunSummary summary = run.train(run.checkpoint(30));
  EXPECT_EQ(summary.state.step, 35);
  EXPECT_EQ(summary.checkpoint, run.checkpoint(35));
  EXPECT_THAT(steps_in(run.options.run_directory), ElementsAre(35));
  EXPECT_TRUE(io::has_valid_manifest(
      run.options.run_directory / "checkpoints/abandoned-1/step-00000040", true));
  EXPECT_THAT(run.log(), AllOf(HasSubstr("warning: step 40 lies after step 30"),
                               HasSubstr("abandoned-1/step-00000040")));
  EXPECT_EQ(metrics_steps(run).back(), 35);
}

TEST(Session, OneChangedIdInAShardIsRefusedBeforeAnythingIsWritten) {
  PreparedRun run;
  {
    std::fstream shard(run.folder / "data/train-00000.tokens",
                       std::ios::in | std::ios::out | std::ios::binary);
    shard.seekp(128 + 40);
    shard.write("\xFF\xFF", 2);
  }
  EXPECT_THAT(test::error_text<core::FormatError>([&] { check_run(run.config, run.options); }),
              HasSubstr("train-00000.tokens"));
  EXPECT_THAT(refusal<core::FormatError>(run), HasSubstr("train-00000.tokens"));
  EXPECT_FALSE(fs::exists(run.options.run_directory));
}

TEST(Session, ACheckFindsWhatTheRunWouldRefuse) {
  PreparedRun run({.validation_fraction = 0.05});
  run.config.data.context_length = 256;
  run.config.train.batch_tokens = 512;
  run.config.train.micro_batch_rows = 1;
  const std::string message =
      test::error_text<core::DataError>([&] { check_run(run.config, run.options); });
  EXPECT_THAT(message, AllOf(HasSubstr("validation-00000.tokens"),
                             HasSubstr("at least 256 tokens for one row"),
                             HasSubstr("--validation-fraction")));
  EXPECT_EQ(refusal<core::DataError>(run), message);
}

TEST(Session, ACheckTellsWhatTheRunWouldDoAndWritesNothing) {
  PreparedRun run;
  const RunCheck fresh = check_run(run.config, run.options);
  EXPECT_EQ(fresh.total_steps, 40);
  EXPECT_EQ(fresh.first_step, 0);
  EXPECT_GT(fresh.train_rows, 10);
  EXPECT_GT(fresh.validation_rows, 1);
  EXPECT_FALSE(fs::exists(run.options.run_directory));
  run.config.train.max_steps = 20;
  run.train();
  run.config.train.max_steps = 30;
  const RunCheck later = check_run(run.config, run.options);
  EXPECT_EQ(later.first_step, 20);
  EXPECT_EQ(later.resumes_from, run.checkpoint(20));
}

TEST(Session, ARunWhoseCheckpointsAreAllDamagedIsNotStartedAfresh) {
  PreparedRun run;
  run.train();
  for (const int step : {30, 40}) fs::resize_file(run.checkpoint(step) / "model.safetensors", 9);
  const auto metrics = metrics_steps(run);
  EXPECT_THAT(refusal<core::FormatError>(run),
              AllOf(HasSubstr("step-00000030 (model.safetensors has 9 bytes"),
                    HasSubstr("step-00000040 (model.safetensors"), HasSubstr("--resume DIR"),
                    HasSubstr("delete " + (run.options.run_directory / "checkpoints").string())));
  EXPECT_EQ(metrics_steps(run), metrics);
  run.options.resume = ResumeMode::kNever;
  EXPECT_THAT(test::error_text<core::ConfigError>([&] { pretrain(run.config, run.options); }),
              HasSubstr("--resume never"));
}

TEST(Session, ResumingWithAnotherModelConfigIsRefusedByKey) {
  PreparedRun run;
  run.config.train.max_steps = 10;
  run.train();
  run.config.train.max_steps = 12;
  run.write_model({{"rope_theta", 99.0}, {"rms_norm_eps", 0.5}});
  EXPECT_THAT(refusal<core::ConfigError>(run),
              AllOf(HasSubstr("rope_theta: 10000"), HasSubstr("99"), HasSubstr("rms_norm_eps")));
  // What the model does not use, or says otherwise, is no difference.
  run.write_model({{"_name_or_path", "x"}, {"torch_dtype", "bfloat16"}, {"head_dim", 8}});
  EXPECT_EQ(run.train().state.step, 12);
}

TEST(Session, OtherDataAndAnotherTokenizerAreDataErrors) {
  PreparedRun run;
  run.config.train.max_steps = 10;
  run.train();
  run.config.train.max_steps = 12;
  corpus::PrepareConfig prepare;
  prepare.input = {(run.folder / "text.jsonl").string()};
  prepare.tokenizer = (run.folder / "tok").string();
  prepare.out = (run.folder / "other").string();
  prepare.split_seed = 5;
  prepare.validation_fraction = 0.2;
  corpus::prepare(prepare, {});
  run.config.data.path = prepare.out;
  EXPECT_THAT(refusal<core::DataError>(run), HasSubstr("prepared data changed"));
}

TEST(Session, AResumeThatFailsMakesNoDirectory) {
  PreparedRun run;
  EXPECT_THAT(refusal<core::IoError>(run, run.folder / "nowhere"), HasSubstr("nowhere"));
  EXPECT_FALSE(fs::exists(run.options.run_directory));
}

TEST(Session, TheLogHoldsStepsAndTheError) {
  PreparedRun run;
  run.write_model({{"num_hidden_layer", 9}});
  run.config.train.max_steps = 10;
  run.train();
  EXPECT_THAT(run.log(), AllOf(HasSubstr("unknown key \"num_hidden_layer\""),
                               HasSubstr("Did you mean \"num_hidden_layers\"?"),
                               HasSubstr("info: step  1/10  loss"), HasSubstr("info: step 10/10"),
                               HasSubstr("saved "), HasSubstr("completed at step 10 of 10")));
  run.config.train.seed = 5;
  refusal<core::ConfigError>(run);
  EXPECT_THAT(run.log(), HasSubstr("error: " + run.checkpoint(10).string() +
                                   ": expected the settings the run was started with"));
}

TEST(Session, AnInterruptedRunRecordsItsLastStepUntilItGoesOn) {
  PreparedRun run;
  int asked = 0;
  run.options.should_stop = [&] { return ++asked == 13; };
  EXPECT_EQ(run.train().end, RunEnd::kInterrupted);
  EXPECT_THAT(metrics_steps(run), ElementsAre(1, 10, 13));
  run.options.should_stop = {};
  EXPECT_EQ(run.train().end, RunEnd::kCompleted);
  EXPECT_THAT(metrics_steps(run), ElementsAre(1, 10, 20, 30, 40));
}

TEST(Session, RowsLongerThanThePositionsReachAreWarnedOf) {
  PreparedRun run;
  run.write_model({{"max_position_embeddings", 8}});
  run.config.train.max_steps = 1;
  run.train();
  EXPECT_THAT(run.log(), HasSubstr("warning: data.context_length 16 is beyond the model's "
                                   "max_position_embeddings 8"));
}

TEST(Session, PatienceNeedsAValidationSplit) {
  PreparedRun run({.validation_fraction = 0});
  run.config.eval.every_steps = 1;
  run.config.eval.patience = 2;
  EXPECT_THAT(refusal<core::ConfigError>(run),
              AllOf(HasSubstr("eval.patience"), HasSubstr("--validation-fraction")));
}

TEST(Session, AnEarlyStopHolds) {
  PreparedRun run;
  run.config.optim.lr = 1e-12;  // nothing is learnt
  run.config.eval.every_steps = 1;
  run.config.eval.patience = 3;
  const RunSummary stopped = run.train();
  ASSERT_EQ(stopped.end, RunEnd::kStoppedEarly);
  const auto before = metrics_steps(run);
  const RunSummary again = run.train();
  EXPECT_EQ(again.end, RunEnd::kStoppedEarly);
  EXPECT_EQ(again.state.step, stopped.state.step);
  EXPECT_EQ(again.checkpoint, stopped.checkpoint);
  EXPECT_EQ(metrics_steps(run), before);
}

}  // namespace
}  // namespace llm::train
