// Oracle: what a person has to read when a rank is lost: the first cause, on every rank, and once.
#include "llm/dist/liveness.h"

#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>

#include "support/live_ranks.h"

namespace llm::dist {
namespace {

using std::chrono::milliseconds;
using test::Gate;
using test::LiveRank;
using test::run_live_ranks;
using ::testing::AllOf;
using ::testing::HasSubstr;
using Kind = FirstCause::Kind;

constexpr milliseconds kForever = std::chrono::minutes(5);  // a test that waits for it has failed

Call bucket() { return {Payload::kGradient, "gradient bucket 3 of step 12"}; }

LivenessOptions limit(milliseconds timeout) { return {.timeout = timeout}; }

FirstCause cause_of(const LiveRank& live) {
  return live.liveness->first_cause(kForever).value_or(FirstCause{.text = "none"});
}

TEST(Liveness, LastWordsReachEveryRankInItsCollective) {
  std::vector<FirstCause> causes(3);
  const test::Errors errors = run_live_ranks(3, [&](LiveRank& live) {
    FirstCause& cause = causes[static_cast<size_t>(live.rank)];
    if (live.rank == 1) {
      cause = live.liveness->announce({"no space left on device", 3});
      return;
    }
    const auto work = live.group->all_reduce_async(at::zeros({100000}), bucket());
    cause = cause_of(live);
    work->wait();
  });
  for (const FirstCause& cause : causes) {
    EXPECT_EQ(cause.kind, Kind::kFailed);
    EXPECT_EQ(cause.rank, 1);
    EXPECT_EQ(cause.exit_code, 3);
    EXPECT_THAT(cause.text, AllOf(HasSubstr("rank 1 ("), HasSubstr(std::to_string(::getpid())),
                                  HasSubstr(") failed: no space left on device")));
  }
  EXPECT_TRUE(causes[1].is_told_here);
  EXPECT_FALSE(causes[0].is_told_here || causes[2].is_told_here);
  EXPECT_EQ(errors[1], "");
  for (const size_t rank : {0, 2}) {
    EXPECT_THAT(errors[rank],
                AllOf(HasSubstr("all_reduce of gradient bucket 3 of step 12 on rank"),
                      HasSubstr("got rank 1 ("), HasSubstr("failed: no space left on device")));
  }
}

TEST(Liveness, WhoeverFailsLaterLearnsWhatWasFirst) {
  std::vector<FirstCause> causes(3);
  run_live_ranks(3, [&](LiveRank& live) {
    FirstCause& cause = causes[static_cast<size_t>(live.rank)];
    if (live.rank < 2) cause = cause_of(live);
    if (live.rank == 0) cause = live.liveness->announce({"a consequence", 1});
    if (live.rank == 2) cause = live.liveness->announce({"a full disk", 3});
  });
  for (const FirstCause& cause : causes) {
    EXPECT_EQ(cause.rank, 2);
    EXPECT_EQ(cause.exit_code, 3);
  }
}

// A loss that is no number fails every rank in the same moment.
TEST(Liveness, WhatAllRanksSayAtOnceIsToldOnce) {
  std::atomic<int> told = 0;
  run_live_ranks(4, [&](LiveRank& live) {
    const FirstCause cause = live.liveness->announce({"no finite loss", 1});
    EXPECT_EQ(cause.rank, 0);
    told += cause.is_told_here ? 1 : 0;
  });
  EXPECT_EQ(told, 1);
}

TEST(Liveness, AHungTrainingThreadIsNamedWithWhereItIs) {
  Gate end(3);
  std::vector<FirstCause> causes(3);
  const test::Errors errors = run_live_ranks(
      3,
      [&](LiveRank& live) {
        live.group->set_step(12);
        if (live.rank == 1) {
          causes[1] = cause_of(live);
          return end.arrive_and_wait();
        }
        const auto work = live.group->all_reduce_async(at::zeros({100}), {.label = "losses"});
        causes[static_cast<size_t>(live.rank)] = cause_of(live);
        end.arrive_and_wait();
        work->wait();
      },
      [](int) { return limit(milliseconds(2000)); });
  for (const FirstCause& cause : causes) {
    EXPECT_EQ(cause.kind, Kind::kStuck);
    EXPECT_EQ(cause.rank, 1);
    EXPECT_THAT(cause.text, AllOf(HasSubstr("all_reduce of losses, step 12"),
                                  HasSubstr("rank 1 has not come to it; rank 1 ("),
                                  HasSubstr("lives, and was last in barrier of start")));
  }
  EXPECT_TRUE(causes[0].is_told_here);
  EXPECT_FALSE(causes[1].is_told_here || causes[2].is_told_here);
  EXPECT_THAT(errors[2], HasSubstr("all_reduce of losses, step 12 on rank 2 ("));
}

TEST(Liveness, OutsideOfStepsRanksWaitForEachOther) {
  const test::Errors errors = run_live_ranks(
      2,
      [](LiveRank& live) {
        if (live.rank == 0) std::this_thread::sleep_for(milliseconds(3000));
        live.group->barrier("reading the inputs");
        live.group->set_step(1);
        live.group->barrier("first step");
      },
      [](int) { return limit(milliseconds(1000)); }, {.timeout = milliseconds(2000)});
  EXPECT_EQ(errors, test::no_errors(2));
}

TEST(Liveness, AFarewellIsNoFailure) {
  std::promise<void> gone;
  run_live_ranks(3, [&](LiveRank& live) {
    if (live.rank == 1) {
      live.liveness.reset();
      return gone.set_value();
    }
    if (live.rank == 0) gone.get_future().wait();
    EXPECT_FALSE(live.liveness->first_cause(milliseconds(600)));
  });
}

TEST(Liveness, AProcessThatDoesNotEndIsEnded) {
  std::promise<FirstCause> ended;
  run_live_ranks(
      2,
      [&](LiveRank& live) {
        if (live.rank == 1) {
          live.liveness->announce({"a full disk", 3});
          return;
        }
        EXPECT_EQ(ended.get_future().get().exit_code, 3);  // while this thread does something else
      },
      [&](int rank) {
        LivenessOptions options{.grace = milliseconds(100)};
        if (rank == 0) options.end_process = [&](const FirstCause& c) { ended.set_value(c); };
        return options;
      });
}

TEST(Liveness, ARankThatMustLeaveSaysWhyAndEnds) {
  std::atomic<bool> must_leave = false;
  std::promise<FirstCause> ended;
  const test::Errors errors = run_live_ranks(
      2,
      [&](LiveRank& live) {
        if (live.rank == 1) {
          must_leave = true;
          const FirstCause cause = ended.get_future().get();
          EXPECT_TRUE(cause.is_told_here);
          EXPECT_EQ(cause.exit_code, 143);
          return;
        }
        EXPECT_EQ(cause_of(live).exit_code, 143);
        live.group->barrier("last");
      },
      [&](int rank) {
        LivenessOptions options;
        if (rank != 1) return options;
        options.must_leave = [&]() -> std::optional<LastWords> {
          return must_leave ? std::optional(LastWords{"left at SIGTERM", 143}) : std::nullopt;
        };
        options.end_process = [&](const FirstCause& cause) { ended.set_value(cause); };
        return options;
      });
  EXPECT_THAT(errors[0], HasSubstr("rank 1 ("));
  EXPECT_THAT(errors[0], HasSubstr("failed: left at SIGTERM"));
}

}  // namespace
}  // namespace llm::dist
