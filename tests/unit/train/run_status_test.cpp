// Oracle: run directories as runs of this host and of others leave them.
#include "llm/train/run_status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "llm/core/error.h"
#include "llm/io/manifest.h"
#include "support/error_text.h"
#include "support/heartbeats.h"
#include "support/temp_directory.h"
#include "train/run_lease.h"

namespace llm::train {
namespace {

namespace fs = std::filesystem;
using test::dead_process;
using test::heartbeat_of;
using test::kAnHour;
using test::leave_heartbeat;
using test::process_of;
using ::testing::HasSubstr;

class Status : public ::testing::Test {
 protected:
  void leave(const ProcessIdentity& owner, RunState state, double seconds = kAnHour) const {
    leave_heartbeat(run_, heartbeat_of(owner, state, seconds));
  }
  void make_checkpoint(const std::string& name) const {
    fs::create_directories(run_ / "checkpoints" / name);
    folder_.file("checkpoints/" + name + "/model.safetensors", "weights");
    io::write_manifest(run_ / "checkpoints" / name);
  }

  test::TempDirectory folder_;
  fs::path run_ = folder_.path();
};

TEST_F(Status, AFolderWithoutARunIsADataError) {
  folder_.file("notes.txt", "");
  EXPECT_THAT(test::error_text<core::DataError>([&] { look_at_run(run_); }),
              HasSubstr("--run-dir"));
  EXPECT_THAT(test::error_text<core::DataError>([&] { look_at_run(run_ / "none"); }),
              HasSubstr("no such directory"));
}

TEST_F(Status, ALivingProcessOfThisHostRunsWhateverItsBeatsSay) {
  leave(this_process(), RunState::kEvaluating);
  const RunStatus status = look_at_run(run_);
  EXPECT_TRUE(status.is_running);
  EXPECT_FALSE(status.is_silent);
  EXPECT_EQ(status.state, "evaluating");
  EXPECT_EQ(status.command, "");
  EXPECT_EQ(status.heartbeat.step, 7);
}

TEST_F(Status, ALivingProcessWhoseBeatsAreOverdueIsSilent) {
  leave(this_process(), RunState::kTraining, /*seconds=*/1);
  fs::last_write_time(run_ / kHeartbeatName,
                      fs::file_time_type::clock::now() - std::chrono::seconds(60));
  const RunStatus status = look_at_run(run_);
  EXPECT_TRUE(status.is_running);
  EXPECT_TRUE(status.is_silent);
  EXPECT_THAT(status.advice, HasSubstr("kill -CONT"));
  EXPECT_NEAR(*status.beat_age_seconds, 60, 30);
}

TEST_F(Status, AProcessOfThisHostThatIsGoneIsDead) {
  leave(dead_process(), RunState::kTraining);
  const RunStatus status = look_at_run(run_);
  EXPECT_FALSE(status.is_running);
  EXPECT_EQ(status.state, "dead");
  EXPECT_THAT(status.advice, HasSubstr("there is no checkpoint yet"));
  EXPECT_EQ(status.command, "cd '/home/a person' && llmtrain pretrain --config run.json");
}

TEST_F(Status, ARunOfAnotherHostIsWatched) {
  double seconds = 0;
  StatusOptions options;
  options.on_watch = [&](const Heartbeat& heartbeat, double watched) {
    EXPECT_EQ(heartbeat.owner.host, "far");
    seconds = watched;
  };
  {
    const RunLease lease(run_, {.beat_seconds = 0.5, .self = process_of("far")});
    const RunStatus status = look_at_run(run_, options);
    EXPECT_TRUE(status.is_running);
    EXPECT_EQ(status.state, "starting");
    EXPECT_GT(seconds, 2 * 0.5);
  }
  leave(process_of("far"), RunState::kTraining, 0.05);
  EXPECT_EQ(look_at_run(run_, options).state, "dead");
}

TEST_F(Status, AnEndedRunOfAnotherHostNeedsNoWatching) {
  StatusOptions options;
  options.on_watch = [](const Heartbeat&, double) { ADD_FAILURE(); };
  for (const RunState state : {RunState::kFinished, RunState::kFailed, RunState::kInterrupted}) {
    leave(process_of("far"), state);
    const RunStatus status = look_at_run(run_, options);
    EXPECT_FALSE(status.is_running);
    EXPECT_EQ(status.state, state_name(state));
    EXPECT_EQ(status.command.empty(), state == RunState::kFinished);
  }
}

TEST_F(Status, TheNewestCompleteCheckpointIsWhereItGoesOn) {
  leave(process_of("far"), RunState::kFailed);
  make_checkpoint("step-00000005");
  make_checkpoint("step-00000010");
  fs::resize_file(run_ / "checkpoints/step-00000010/model.safetensors", 1);
  const RunStatus status = look_at_run(run_);
  ASSERT_TRUE(status.checkpoint.has_value());
  EXPECT_EQ(status.checkpoint->step, 5);
  EXPECT_GE(*status.checkpoint_age_seconds, 0);
  EXPECT_THAT(status.advice, HasSubstr("goes on after step 5"));
  EXPECT_EQ(status.heartbeat.step, 7);
  make_checkpoint("step-00000008");
  EXPECT_EQ(look_at_run(run_).heartbeat.step, 8);
}

TEST_F(Status, ARunOfALauncherSaysSo) {
  Heartbeat heartbeat = heartbeat_of(process_of("far"), RunState::kFailed, kAnHour);
  heartbeat.world_size = 8;
  leave_heartbeat(run_, heartbeat);
  EXPECT_THAT(look_at_run(run_).advice, HasSubstr("8 ranks of a launcher"));
  heartbeat.command.push_back("--ranks=8");
  leave_heartbeat(run_, heartbeat);
  EXPECT_THAT(look_at_run(run_).advice, ::testing::Not(HasSubstr("launcher")));
}

TEST_F(Status, AWebhookThatWasHiddenIsAskedFor) {
  Heartbeat heartbeat = heartbeat_of(process_of("far"), RunState::kFailed, kAnHour);
  EXPECT_THAT((leave_heartbeat(run_, heartbeat), look_at_run(run_).advice),
              ::testing::Not(HasSubstr("log.webhook")));
  heartbeat.command.push_back("--set=log.webhook=");
  EXPECT_THAT((leave_heartbeat(run_, heartbeat), look_at_run(run_).advice),
              HasSubstr("give log.webhook again"));
}

TEST_F(Status, ARunWithoutAHeartbeatIsReadOffItsMetrics) {
  folder_.file("metrics.jsonl",
               "{\"step\": 10, \"loss\": 2.5}\n{\"step\": 10, \"eval_loss\": 3}\n{\"step\": 12");
  const RunStatus status = look_at_run(run_);
  EXPECT_EQ(status.state, "unknown");
  EXPECT_EQ(status.heartbeat.step, 10);
  EXPECT_EQ(status.heartbeat.loss, 2.5);
  EXPECT_EQ(status.heartbeat.eval_loss, 3);
}

TEST(ShellQuoted, IsWhatAShellReadsBack) {
  EXPECT_EQ(shell_quoted("optim.lr=1e-3"), "optim.lr=1e-3");
  EXPECT_EQ(shell_quoted("a b"), "'a b'");
  EXPECT_EQ(shell_quoted("it's $HOME"), "'it'\\''s $HOME'");
  EXPECT_EQ(shell_quoted(""), "''");
}

}  // namespace
}  // namespace llm::train
