// Oracle: what must lie in the run directory, and what a server must have been told, after runs
// that end in different ways.
#include "train/run_reporter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>

#include <fstream>
#include <mutex>
#include <thread>

#include "support/error_text.h"
#include "support/heartbeats.h"
#include "support/prepared_run.h"

namespace llm::train {
namespace {

namespace fs = std::filesystem;
using test::heartbeat_in;
using test::PreparedRun;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// Keeps the events that it is told.
class EventServer {
 public:
  EventServer() {
    server_.Post(".*", [this](const httplib::Request& request, httplib::Response&) {
      const std::lock_guard lock(mutex_);
      events.push_back(io::parse_json(request.body, "event"));
    });
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
  }
  ~EventServer() {
    while (!server_.is_running()) std::this_thread::yield();
    server_.stop();
    thread_.join();
  }
  std::string url() const {
    return "http://127.0.0.1:" + std::to_string(port_) + "/my-secret-path";
  }
  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const io::Json& event : events) names.push_back(event["event"]);
    return names;
  }

  std::vector<io::Json> events;  // of runs that have ended

 private:
  httplib::Server server_;
  int port_ = 0;
  std::mutex mutex_;
  std::thread thread_;
};

TEST(RunReporter, AFinishedRunLeavesWhatIsKnownOfIt) {
  PreparedRun run;
  const RunSummary summary = run.train();
  const Heartbeat heartbeat = heartbeat_in(run.options.run_directory);
  EXPECT_EQ(heartbeat.state, RunState::kFinished);
  EXPECT_EQ(heartbeat.step, 40);
  EXPECT_EQ(heartbeat.total_steps, 40);
  EXPECT_DOUBLE_EQ(*heartbeat.loss, summary.last_step->loss);
  EXPECT_DOUBLE_EQ(*heartbeat.eval_loss, *summary.last_eval_loss);
  EXPECT_EQ(heartbeat.checkpoint_step, 40);
  EXPECT_EQ(heartbeat.checkpoint, fs::absolute(run.checkpoint(40)).string());
  EXPECT_EQ(heartbeat.error, "");
}

TEST(RunReporter, ARunningRunSaysWhatItDoes) {
  PreparedRun run;
  run.config.log.heartbeat_seconds = 0.05;
  std::optional<Heartbeat> seen;
  run.options.should_stop = [&] {
    Heartbeat now = heartbeat_in(run.options.run_directory);
    if (now.step >= 3 && now.eta_seconds) seen = std::move(now);
    return seen.has_value();
  };
  run.config.train.max_steps = 1000000;
  run.train();
  ASSERT_TRUE(seen.has_value());
  EXPECT_EQ(seen->state, RunState::kTraining);
  EXPECT_EQ(seen->total_steps, 1000000);
  EXPECT_GT(seen->beat, 0);
  EXPECT_EQ(heartbeat_in(run.options.run_directory).state, RunState::kInterrupted);
}

TEST(RunReporter, AFailedRunLeavesItsErrorAndGoesOn) {
  PreparedRun run;
  run.config.train.max_steps = 10;
  run.train();
  run.config.train.max_steps = 12;
  const uint64_t seed = run.config.train.seed;
  run.config.train.seed = 5;
  const std::string error = test::error_text<core::ConfigError>([&] { run.train(); });
  const Heartbeat failed = heartbeat_in(run.options.run_directory);
  EXPECT_EQ(failed.state, RunState::kFailed);
  EXPECT_EQ(failed.error, error);
  EXPECT_EQ(failed.step, 10);
  run.config.train.seed = static_cast<int64_t>(seed);
  run.train();
  EXPECT_EQ(heartbeat_in(run.options.run_directory).state, RunState::kFinished);
  EXPECT_EQ(heartbeat_in(run.options.run_directory).error, "");
}

TEST(RunReporter, ARunThatIsTakenOverStopsAndWritesNoMore) {
  PreparedRun run;
  run.config.log.every_steps = 1000;
  run.config.log.heartbeat_seconds = test::kAnHour;  // found out by the save of step 20
  const auto taken =
      test::heartbeat_of(test::process_of("far"), RunState::kTraining, test::kAnHour);
  int asked = 0;
  std::string log_before;
  run.options.should_stop = [&] {
    if (++asked == 19) {
      test::leave_heartbeat(run.options.run_directory, taken);
      log_before = run.log();
    }
    return false;
  };
  EXPECT_THAT(test::error_text<LeaseLostError>([&] { run.train(); }),
              HasSubstr("process 4242 on far"));
  EXPECT_EQ(heartbeat_in(run.options.run_directory).nonce, taken.nonce);
  EXPECT_TRUE(fs::exists(run.checkpoint(10)));
  EXPECT_FALSE(fs::exists(run.checkpoint(20)));
  EXPECT_FALSE(fs::exists(run.checkpoint(20).string() + ".partial"));
  EXPECT_EQ(run.log(), log_before);
}

TEST(RunReporter, ARunOfAnotherHostIsNotDisturbed) {
  PreparedRun run;
  run.config.train.max_steps = 10;
  run.train();
  const RunLease lease(run.options.run_directory,
                       {.beat_seconds = 0.2, .self = test::process_of("far")});
  EXPECT_THAT(test::error_text<core::ConfigError>([&] { run.train(); }),
              HasSubstr("process 4242 on far"));
  EXPECT_THAT(test::error_text<core::ConfigError>([&] { lock_run(run.options.run_directory); }),
              HasSubstr("process 4242 on far"));
}

TEST(RunReporter, EventsGoToTheWebhook) {
  EventServer server;
  PreparedRun run;
  run.config.log.webhook = server.url();
  run.train();
  ASSERT_THAT(server.names(), ElementsAre("start", "finish"));
  const io::Json& finish = server.events[1];
  EXPECT_EQ(finish["run"], fs::absolute(run.options.run_directory).string());
  EXPECT_EQ(finish["host"], this_process().host);
  EXPECT_EQ(finish["step"], 40);
  EXPECT_EQ(finish["total_steps"], 40);
  EXPECT_GT(finish["loss"], 0);
  EXPECT_EQ(finish["text"], "completed");
  EXPECT_EQ(server.events[0]["text"], "from the beginning");

  run.config.train.max_steps = 1000;
  run.options.should_stop = [] { return true; };
  run.train();
  EXPECT_THAT(server.names(), ElementsAre("start", "finish", "start", "interrupted"));
  run.config.train.seed = 5;
  test::error_text<core::ConfigError>([&] { run.train(); });
  EXPECT_EQ(server.names().back(), "failure");
  EXPECT_THAT(std::string(server.events.back()["text"]), HasSubstr("train.seed"));
}

TEST(RunReporter, SpikesAndRollbacksAreEvents) {
  EventServer server;
  const test::TempDirectory folder;
  {
    LogSection log;
    log.webhook = server.url();
    RunReporter reporter(folder.path(), log, 2);
    TrainerSetup setup;
    setup.total_steps = 9;
    reporter.follow(setup, {.step = 3});
    setup.on_step(4, {.loss = 2.5});
    for (const char* kind : {"evaluating", "spike", "saved", "rollback"})
      setup.on_event({kind, 4, std::string("text of ") + kind});
    reporter.follow(setup, {.step = 2});  // after the rollback
    reporter.failed("broken");
  }
  EXPECT_THAT(server.names(), ElementsAre("start", "spike", "rollback", "failure"));
  EXPECT_EQ(server.events[1]["text"], "text of spike");
  EXPECT_EQ(server.events[1]["loss"], 2.5);
  EXPECT_EQ(server.events[1]["step"], 4);
  EXPECT_EQ(server.events[3]["step"], 2);
  EXPECT_EQ(heartbeat_in(folder.path()).world_size, 2);
}

TEST(RunReporter, TheWebhookIsInNoFile) {
  EventServer server;
  PreparedRun run;
  run.config.train.max_steps = 10;
  run.config.log.webhook = server.url();
  run.train();
  int files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(run.options.run_directory)) {
    if (!entry.is_regular_file()) continue;
    ++files;
    EXPECT_THAT(test::read_bytes(entry.path()), Not(HasSubstr("my-secret-path"))) << entry.path();
  }
  EXPECT_GT(files, 6);
}

TEST(RunReporter, AWrongWebhookIsRefusedBeforeAnythingIsWritten) {
  PreparedRun run;
  run.config.log.webhook = "hooks.example.org";
  EXPECT_THAT(test::error_text<core::ConfigError>([&] { check_run(run.config, run.options); }),
              HasSubstr("log.webhook"));
  EXPECT_THAT(test::error_text<core::ConfigError>([&] { run.train(); }), HasSubstr("log.webhook"));
  EXPECT_FALSE(fs::exists(run.options.run_directory));
}

TEST(RunReporter, AResumedRunGoesOnInItsLogAndMovesAFullOneOn) {
  PreparedRun run;
  run.config.train.max_steps = 10;
  run.config.log.max_mib = 1;
  run.train();
  std::ofstream(run.options.run_directory / "log.txt", std::ios::app)
      << std::string((1 << 20) - 100, '.') << "\n";
  run.config.train.max_steps = 12;
  run.train();
  EXPECT_THAT(test::read_bytes(run.options.run_directory / "log.1.txt"),
              AllOf(HasSubstr("completed at step 10"), HasSubstr("....")));
  EXPECT_THAT(run.log(), AllOf(HasSubstr("completed at step 12"), Not(HasSubstr("...."))));
}

}  // namespace
}  // namespace llm::train
