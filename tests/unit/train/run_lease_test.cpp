// Oracle: the rules of src/train/run_lease.h, with this process in the part of two hosts.
#include "train/run_lease.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <memory>
#include <thread>

#include "llm/io/fault_hook.h"
#include "support/error_text.h"
#include "support/heartbeats.h"
#include "support/temp_directory.h"

namespace llm::train {
namespace {

namespace fs = std::filesystem;
using test::dead_process;
using test::heartbeat_in;
using test::heartbeat_of;
using test::kAnHour;
using test::leave_heartbeat;
using test::process_of;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// Long enough for a thread to beat on a busy machine.
constexpr double kBeat = 0.2;

class Lease : public ::testing::Test {
 protected:
  static LeaseOptions on_host(const std::string& host, double beat_seconds = kBeat) {
    return {.beat_seconds = beat_seconds, .self = process_of(host)};
  }
  std::string refusal(const LeaseOptions& options) const {
    return test::error_text<core::ConfigError>([&] { RunLease lease(run_, options); });
  }
  // What is taken at once keeps the progress that is known, and is this process' now.
  void expect_taken_at_once() const {
    const RunLease lease(run_, {.beat_seconds = kAnHour});
    const Heartbeat heartbeat = heartbeat_in(run_);
    EXPECT_EQ(heartbeat.owner, this_process());
    EXPECT_EQ(heartbeat.step, 7);
    EXPECT_EQ(heartbeat.state, RunState::kStarting);
  }

  test::TempDirectory folder_;
  fs::path run_ = folder_.path();
};

TEST_F(Lease, AHeartbeatIsReadAsItWasWritten) {
  Heartbeat written = heartbeat_of(process_of("node1"), RunState::kSaving, 2.5);
  written.beat = 12;
  written.loss = 1.5;
  written.tokens_per_second = 1e6;
  written.checkpoint_step = 5;
  written.checkpoint = "runs/x/checkpoints/step-00000005";
  written.error = "\"quoted\"\nand two lines";
  leave_heartbeat(run_, written);
  const Heartbeat read = heartbeat_in(run_);
  EXPECT_EQ(heartbeat_json(read), heartbeat_json(written));
  EXPECT_EQ(read.state, RunState::kSaving);
  EXPECT_EQ(read.owner, written.owner);
  EXPECT_FALSE(read.eval_loss.has_value());
}

TEST_F(Lease, ItsEndSaysHowTheRunEnded) {
  { const RunLease lease(run_, {.beat_seconds = kAnHour}); }
  EXPECT_EQ(heartbeat_in(run_).state, RunState::kInterrupted);
  {
    RunLease lease(run_, {.beat_seconds = kAnHour});
    lease.change([](Heartbeat& h) { h.state = RunState::kFinished; });
  }
  EXPECT_EQ(heartbeat_in(run_).state, RunState::kFinished);
  EXPECT_EQ(std::distance(fs::directory_iterator(run_), fs::directory_iterator()), 1);
}

TEST_F(Lease, ALivingProcessOfThisHostIsNamed) {
  const RunLease lease(run_, {.beat_seconds = kAnHour});
  EXPECT_THAT(refusal({.beat_seconds = kAnHour}),
              AllOf(HasSubstr(run_.string()), HasSubstr(process_name(this_process())),
                    HasSubstr("which trains in it")));
}

TEST_F(Lease, ADeadProcessOfThisHostLeavesItFree) {
  leave_heartbeat(run_, heartbeat_of(dead_process(), RunState::kTraining, kAnHour));
  expect_taken_at_once();
}

TEST_F(Lease, ALaterProcessOfTheSameNumberIsAnother) {
  ProcessIdentity earlier = this_process();
  --earlier.start_ticks;
  leave_heartbeat(run_, heartbeat_of(earlier, RunState::kTraining, kAnHour));
  expect_taken_at_once();
}

TEST_F(Lease, ProcessNumbersOfAnotherBootOrNamespaceMeanNothing) {
  const ProcessIdentity self = this_process();
  ProcessIdentity rebooted = self, contained = self;
  rebooted.boot_id = "another";
  contained.pid_namespace = "pid:[1]";
  EXPECT_TRUE(self.is_beside(self));
  EXPECT_FALSE(rebooted.is_beside(self));
  EXPECT_FALSE(contained.is_beside(self));
}

TEST_F(Lease, AnEndedRunOfAnotherHostLeavesItFree) {
  for (const RunState state : {RunState::kFinished, RunState::kFailed, RunState::kInterrupted}) {
    leave_heartbeat(run_, heartbeat_of(process_of("far"), state, kAnHour));
    expect_taken_at_once();
  }
}

TEST_F(Lease, AMovingHeartbeatOfAnotherHostKeepsItsRun) {
  const RunLease lease(run_, on_host("far"));
  EXPECT_THAT(refusal({}), HasSubstr("process 4242 on far"));
  EXPECT_EQ(heartbeat_in(run_).owner.host, "far");
  EXPECT_FALSE(lease.is_lost());
}

TEST_F(Lease, ARunOfAnotherHostThatEndsWhileOneWatchesIsFree) {
  auto lease = std::make_unique<RunLease>(run_, on_host("far", 2));
  std::thread watcher([&] { EXPECT_EQ(refusal({.beat_seconds = kAnHour}), "no exception"); });
  lease.reset();
  watcher.join();
}

TEST_F(Lease, AHeartbeatThatStandsStillIsTakenWithAWarning) {
  leave_heartbeat(run_, heartbeat_of(process_of("far"), RunState::kTraining, kBeat));
  ::testing::internal::CaptureStderr();
  const RunLease lease(run_, {.beat_seconds = kBeat});
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              HasSubstr("process 4242 on far gave no sign of life"));
  EXPECT_EQ(heartbeat_in(run_).owner, this_process());
}

TEST_F(Lease, AnUnreadableHeartbeatIsWatchedToo) {
  folder_.file(kHeartbeatName, "");
  const RunLease lease(run_, {.beat_seconds = kBeat});
  EXPECT_EQ(heartbeat_in(run_).owner, this_process());
}

struct TwoHosts {
  int begun = 0;    // that were given the lease
  int holding = 0;  // that have it a moment later
};

TwoHosts start_two_at_once(const fs::path& run) {
  std::array<std::unique_ptr<RunLease>, 2> leases;
  std::vector<std::thread> hosts;
  for (size_t i = 0; i < leases.size(); ++i) {
    hosts.emplace_back([&, i] {
      try {
        const std::string host = "host" + std::to_string(i);
        leases[i] = std::make_unique<RunLease>(
            run, LeaseOptions{.beat_seconds = kBeat, .self = process_of(host)});
      } catch (const core::ConfigError&) {
      }
    });
  }
  for (auto& host : hosts) host.join();
  TwoHosts two;
  for (const auto& lease : leases) {
    if (lease == nullptr) continue;
    ++two.begun;
    if (test::error_text<LeaseLostError>([&] { lease->require_held(); }) == "no exception")
      ++two.holding;
  }
  return two;
}

TEST_F(Lease, OfTwoThatBeginAtTheSameTimeOneWins) {
  for (int i = 0; i < 20; ++i) {
    const test::TempDirectory run;
    EXPECT_EQ(start_two_at_once(run.path()).begun, 1);
  }
}

TEST_F(Lease, OfTwoThatTakeOverAtTheSameTimeOneWins) {
  for (int i = 0; i < 3; ++i) {
    const test::TempDirectory run;
    leave_heartbeat(run.path(), heartbeat_of(process_of("far"), RunState::kTraining, kBeat));
    EXPECT_EQ(start_two_at_once(run.path()).holding, 1);
  }
}

TEST_F(Lease, WhoLostItWritesNoMore) {
  {
    RunLease lease(run_, {.beat_seconds = kAnHour});
    EXPECT_NO_THROW(lease.require_held());
    leave_heartbeat(run_, heartbeat_of(process_of("far"), RunState::kTraining, kAnHour));
    EXPECT_FALSE(lease.is_lost());
    lease.beat();
    EXPECT_TRUE(lease.is_lost());
    EXPECT_THAT(test::error_text<LeaseLostError>([&] { lease.require_held(); }),
                AllOf(HasSubstr(run_.string()), HasSubstr("process 4242 on far")));
    lease.beat();
  }
  EXPECT_EQ(heartbeat_in(run_).nonce, "nonce of far");
}

TEST_F(Lease, ItsThreadFindsOutByItself) {
  RunLease lease(run_, {.beat_seconds = kBeat});
  leave_heartbeat(run_, heartbeat_of(process_of("far"), RunState::kTraining, kAnHour));
  while (!lease.is_lost()) std::this_thread::yield();
  EXPECT_EQ(heartbeat_in(run_).nonce, "nonce of far");
}

TEST_F(Lease, ABeatThatCannotBeWrittenIsToldOnceAndHarmsNothing) {
  fs::create_directory(run_ / "gone");
  ::testing::internal::CaptureStderr();
  {
    RunLease lease(run_ / "gone", {.beat_seconds = kAnHour});
    fs::remove_all(run_ / "gone");
    for (int i = 0; i < 3; ++i) lease.beat();
    EXPECT_NO_THROW(lease.require_held());
    EXPECT_FALSE(lease.is_lost());
  }
  const std::string text = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(text, HasSubstr("training goes on"));
  EXPECT_EQ(text.find("training goes on"), text.rfind("training goes on"));
}

TEST_F(Lease, BeatsAreNoOperationsOfASave) {
  std::atomic<int> operations = 0;
  io::set_fault_hook([&](const io::FileOperation&) { return ++operations, 0; });
  {
    RunLease lease(run_, {.beat_seconds = kAnHour});
    lease.beat();
  }
  io::set_fault_hook({});
  EXPECT_EQ(operations, 0);
}

TEST_F(Lease, WhatAKilledBeatLeftBehindIsCleared) {
  folder_.file("heartbeat.json.0badc0de.partial", "{");
  const RunLease lease(run_, {.beat_seconds = kAnHour});
  EXPECT_FALSE(fs::exists(run_ / "heartbeat.json.0badc0de.partial"));
}

TEST_F(Lease, TheCommandIsThatOfThisProcess) {
  leave_heartbeat(run_, heartbeat_of(dead_process(), RunState::kTraining, kAnHour));
  const RunLease lease(run_, {.beat_seconds = kAnHour});
  const Heartbeat heartbeat = heartbeat_in(run_);
  EXPECT_EQ(heartbeat.command, own_command());
  EXPECT_FALSE(heartbeat.command.empty());
}

}  // namespace
}  // namespace llm::train
